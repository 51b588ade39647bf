"""A row's identity: a hash of its inputs, never of its label, and which occurrence it is."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def input_hash(inputs: Sequence[str]) -> int:
    """64 bits over the input texts of one row; a pair hashes each part with its length."""
    joined = inputs[0] if len(inputs) == 1 else "".join(f"{len(part)}:{part}" for part in inputs)
    content = joined.encode(errors="surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")


def row_id(hashed: int, occurrence: int = 0) -> str:
    """16 hex digits, followed by `-1`, `-2` for later rows with the same inputs."""
    return f"{hashed:016x}" if occurrence == 0 else f"{hashed:016x}-{occurrence}"


def occurrences(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each key, how many equal ones stand before it."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(keys) else keys[:0]
    sizes = np.diff(np.r_[starts, len(keys)])
    counted = np.empty(len(keys), dtype=np.int64)
    counted[order] = np.arange(len(keys)) - np.repeat(starts, sizes)
    return counted
