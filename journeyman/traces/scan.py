"""Looking for what is left: every file under a folder, for the rows in each form they may have."""

from __future__ import annotations

import html
import json
import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from journeyman.traces.removed import Removed

LARGE = 1 << 20
"""Bytes from which a file is mapped instead of read, and of a chunk looked through at once."""
WORD = 8
"""Bytes at the end of a form by which the places where it may stand are found."""
_SPREAD, _BITS = np.uint64(0x9E3779B97F4A7C15), 20


def left_in(folder: Path, removed: Removed, passed: Iterable[Path] = ()) -> list[Path]:
    """Files under `folder` in which an id, a hash or a text of the rows still stands.

    Texts and ids of fewer than 12 characters are not looked for: too much else is spelled alike.
    `passed` are left out, with all that is in them. Thousands of rows take about as long as one.
    """
    forms = {form for text in removed.parts for form in _forms(text)}
    if not forms:
        return []
    wanted, aside = _Wanted(forms), set(passed)
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not aside & {path, *path.parents} and _holds(path, wanted)
    ]


class _Wanted:
    """Forms of at least WORD bytes that are looked for all at once.

    Each eight bytes of a file are looked up in a table of what the forms end in (Rabin and Karp
    1987, with words of the machine for their rolling hash); only where they are in it is compared.
    """

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = frozenset(forms)
        self._lengths = sorted({len(form) for form in self._forms})
        ends = b"".join(form[-WORD:] for form in self._forms)
        self._ends = np.unique(np.frombuffer(ends, "<u8"))
        self._table = np.zeros(1 << _BITS, dtype=bool)
        self._table[_short(self._ends)] = True

    def stands_in(self, data: bytes | mmap.mmap) -> bool:
        """Whether one of the forms is somewhere in the bytes."""
        size = len(data)
        for first in range(0, size - WORD + 1, LARGE):
            last = min(first + LARGE + WORD - 1, size)
            chunk = data[first:last]
            for shift in range(min(WORD, len(chunk) - WORD + 1)):
                count = (len(chunk) - shift) // WORD
                words = np.frombuffer(chunk, "<u8", count, shift)
                near = np.flatnonzero(self._table[_short(words)])
                for at in near[np.isin(words[near], self._ends)].tolist():
                    if self._ends_at(data, first + shift + at * WORD + WORD):
                        return True
        return False

    def _ends_at(self, data: bytes | mmap.mmap, end: int) -> bool:
        return any(data[max(end - size, 0) : end] in self._forms for size in self._lengths)


def _short(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Words hashed to few bits, by multiplication (Knuth 1973)."""
    return (words * _SPREAD) >> np.uint64(64 - _BITS)


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


def _holds(path: Path, wanted: _Wanted) -> bool:
    if path.stat().st_size < LARGE:
        return wanted.stands_in(path.read_bytes())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return wanted.stands_in(mapped)
