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

PARTS = ("pooled", "hidden")


@dataclass(frozen=True)
class Shard:
    """A shard's mapped arrays: `pooled` [n, L, D] and `hidden` [sum of tokens, D] or None."""

    pooled: NDArray[Any]
    hidden: NDArray[Any] | None


def write_part(folder: Path, name: str, arrays: Sequence[NDArray[Any]]) -> tuple[Path, int]:
    """Write one array (the concatenation of `arrays`) beside its final place.

    Returns the temporary path and a checksum of its bytes; the caller renames it.
    """
    array = np.ascontiguousarray(np.concatenate(arrays))
    path = folder / f".{name}.{os.getpid()}.tmp"
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return path, checksum(path)


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
        return mapped
    except (OSError, ValueError):
        return None
