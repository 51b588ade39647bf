"""Looking for what is left: every file under a folder, for the rows in each form they may have."""

from __future__ import annotations

import html
import json
import mmap
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from journeyman.traces.removed import Removed

LARGE = 1 << 20
"""Bytes from which a file is mapped instead of read."""


def left_in(folder: Path, removed: Removed, passed: Iterable[Path] = ()) -> list[Path]:
    """Files under `folder` in which an id, a hash or a text of the rows still stands.

    Texts and ids of fewer than 12 characters are not looked for: too much else is spelled alike.
    `passed` are left out, with all that is in them.
    """
    forms = sorted({form for text in removed.parts for form in _forms(text)}, key=len)
    if not forms:
        return []
    wanted, aside = re.compile(b"|".join(map(re.escape, forms))), set(passed)
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not aside & {path, *path.parents} and _holds(path, wanted)
    ]


def _forms(text: str) -> Iterator[bytes]:
    """A text as files spell it: plain, in JSON, in HTML, and in two bytes a letter."""
    for spelled in {
        text,
        json.dumps(text)[1:-1],
        html.escape(text),
        html.escape(text, quote=False),
    }:
        yield spelled.encode(errors="surrogatepass")
    yield text.encode("utf-16-le", errors="surrogatepass")


def _holds(path: Path, wanted: re.Pattern[bytes]) -> bool:
    if path.stat().st_size < LARGE:
        return wanted.search(path.read_bytes()) is not None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return wanted.search(mapped) is not None
