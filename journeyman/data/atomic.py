"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from journeyman.errors import ResourceError

_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write to; renamed onto it once the block ends well.

    Raises ResourceError when the machine refuses (no space, no permission).
    """
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(beside, target)
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        raise ResourceError(
            f"{target.name} cannot be written.",
            place=str(target),
            expected="a folder with space that may be written to",
            found=os.strerror(error.errno),
            remedy="Free some space, or choose another folder.",
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def write_json(target: Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys."""
    with replacing(target) as beside:
        text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
        beside.write_text(text + "\n", encoding="utf-8")
