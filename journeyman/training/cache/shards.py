"""Immutable files of cached features: written once beside, renamed into place, mapped to read."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.training.cache.index import Entry

PARTS = ("pooled", "hidden")


@dataclass(frozen=True)
class Shard:
    """A shard's mapped arrays: `pooled` [n, sum of D] and `hidden` [sum of T, D] or None."""

    pooled: NDArray[Any]
    hidden: NDArray[Any] | None


class ShardWriter:
    """Rows on their way into one shard."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.pooled: list[NDArray[np.float32]] = []
        self.hidden: list[NDArray[np.float32]] = []
        self.lengths: list[int] = []
        self.sources: list[int | None] = []

    def add(
        self,
        key: bytes,
        pooled: NDArray[np.float32],
        hidden: NDArray[np.float32] | int,
        source: int | None = None,
    ) -> None:
        """Take a row's pooled vectors side by side, its hidden states [T, D] or just T, and a hash
        of what it was made from."""
        self.keys.append(key)
        self.sources.append(source)
        self.pooled.append(pooled)
        if isinstance(hidden, int):
            self.lengths.append(hidden)
        else:
            self.lengths.append(len(hidden))
            self.hidden.append(hidden)

    def size(self, kind: type) -> int:
        """Bytes of all rows in numbers of this kind."""
        numbers = sum(a.size for a in self.pooled) + sum(a.size for a in self.hidden)
        return int(numbers * np.dtype(kind).itemsize)

    def entries(self, shard: str) -> dict[bytes, Entry]:
        """Where each row will be, in a shard of this name."""
        starts = np.cumsum([0, *self.lengths])
        return {
            key: Entry(shard, at, int(starts[at]), self.lengths[at], self.sources[at])
            for at, key in enumerate(self.keys)
        }


def write_part(folder: Path, name: str, arrays: Sequence[NDArray[Any]]) -> tuple[Path, int]:
    """Write one array (the concatenation of `arrays`) beside its final place.

    Returns the temporary path and a checksum of its bytes; the caller renames it.
    """
    array = np.ascontiguousarray(np.concatenate(arrays))
    path = folder / f".{name}.{os.getpid()}.tmp"
    try:
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        return path, checksum(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def checksum(path: Path) -> int:
    """CRC-32 of a file's bytes: finds rot and truncation, not malice."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


def map_part(path: Path, expected: int) -> NDArray[Any] | None:
    """The array in `path`, mapped; None when it is missing or not what was written."""
    try:
        if checksum(path) != expected:
            return None
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped.view(np.ndarray)  # Plain views of rows are made much faster than mapped ones.
    except (OSError, ValueError):
        return None
