"""A pool of rows without labels, as the strategies that choose among them see it.

Shapes: N rows of the pool, M rows that have a label, D width, C classes, K members of a committee.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Told = TypeVar("Told")


@dataclass(frozen=True)
class View:
    """What is known of each row of a pool.

    `keys` [N] tell rows apart, whatever their order. `vectors` [N, D] and those of the labelled
    rows, `known` [M, D], are frozen features about their mean, at unit length. `doubts` [N], from 0
    to 1, say how unsure the model is of a row; `chances` [N, C] are its calibrated probabilities,
    and `committee` gives those of several heads [K, N, C]: None where a task or head has none.
    """

    keys: Sequence[str]
    vectors: Vectors
    known: Vectors
    doubts: Numbers | None = None
    chances: Numbers | None = None
    committee: Callable[[], Numbers] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def select(self, which: Sequence[int] | Places) -> View:
        """The rows at these places of the pool, in this order."""
        places = np.asarray(which, dtype=np.int64)
        committee = self.committee
        return replace(
            self,
            keys=[self.keys[at] for at in places.tolist()],
            vectors=self.vectors[places],
            doubts=None if self.doubts is None else self.doubts[places],
            chances=None if self.chances is None else self.chances[places],
            committee=None if committee is None else lambda: committee()[:, places],
        )

    def knowing(self, vectors: Vectors) -> View:
        """With these rows among those that have a label."""
        return replace(self, known=np.concatenate([self.known, vectors]))


def required(value: Told | None, name: str) -> Told:
    """A field of a view that a strategy `needs`; ValueError where it was asked without it."""
    if value is None:
        raise ValueError(f"the view has no {name}")
    return value


def directions(vectors: Vectors, centre: Vectors) -> Vectors:
    """Vectors [N, D] about a centre [D], at unit length."""
    moved = vectors - centre
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    placed: Vectors = (moved / np.maximum(lengths, 1e-12)).astype(np.float32)
    return placed


def nearest(vectors: Vectors, others: Vectors, size: int = 1024) -> NDArray[np.float32]:
    """[N]: the largest cosine of each vector with any of `others`; -1 where there are none."""
    found = np.full(len(vectors), -1.0, dtype=np.float32)
    for first in range(0, len(others), size):
        np.maximum(found, (vectors @ others[first : first + size].T).max(axis=1), out=found)
    return found
