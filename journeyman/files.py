"""Files that are either as they were or as they should be: written beside, renamed into place."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from journeyman.errors import ResourceError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write to; renamed onto it once the block ends well.

    A kill at any moment leaves the old file or the new one. Raises ResourceError when the
    machine refuses: no space, no permission, no such folder to make.
    """
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(beside, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        _forget(beside)


@contextmanager
def making_folder(target: Path) -> Iterator[Path]:
    """Give a new folder beside `target` to fill; renamed to it once the block ends well.

    Nothing may stand at `target`. Raises ResourceError when the machine refuses.
    """
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        beside.mkdir(parents=True)
        yield beside
        os.replace(beside, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def unwritable(target: Path, error: OSError) -> ResourceError:
    """What is told where the machine refuses to write a file or a folder."""
    return ResourceError(
        f"{target.name} cannot be written.",
        place=str(target),
        expected="a folder with space that may be written to",
        found=error.strerror or str(error),
        remedy="free some space, or choose another folder",
    )


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    with replacing(path) as beside:
        beside.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text to `path` atomically; lone surrogates are written as escapes."""
    write_bytes(path, content.encode("utf-8", errors="backslashreplace"))


def write_json(path: Path, value: Any, *, indent: int | None = 1) -> None:
    """Write JSON with sorted keys; NaN is refused, since JSON has none.

    Without `indent` it is one line, written several times faster.
    """
    text = json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def bytes_under(folder: Path) -> int:
    """How many bytes the files under `folder` hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _forget(beside: Path) -> None:
    try:
        beside.unlink(missing_ok=True)
    except OSError:
        return
