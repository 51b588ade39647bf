"""Answers that neighbours agree on: spread over a graph of rows that lie near each other.

Zhou, Bousquet, Lal, Weston and Schölkopf (2004), "Learning with local and global consistency". Each
row starts from what is known of it: a labelled one from its label, others from a model's answer.
Every row then takes over what its neighbours hold, and keeps a part of its own. Shapes: N rows, D
width, C labels, K neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

NEIGHBOURS = 10
"""Rows that each row is joined to, at least: those at the smallest angles."""
SHARE = 0.8
"""How much of what a row holds is its neighbours'; the rest is its own. Both were chosen on
training rows of banking77."""
SHARPNESS = 5.0
"""How fast a neighbour counts for less as its cosine falls."""
STEPS = 40
"""Rounds of taking over: what is left to come after so many is below 0.8 to the power of 40."""
BLOCK = 1024
"""Rows whose neighbours are looked for at once."""


@dataclass(frozen=True)
class Graph:
    """Rows joined to their neighbours; `links` [N, N] is scaled on both sides, so that a row with
    many neighbours weighs no more than one with few."""

    links: csr_matrix

    @classmethod
    def of(cls, vectors: NDArray[np.float32], neighbours: int = NEIGHBOURS) -> Graph:
        """The rows of `vectors` [N, D], compared by their angles."""
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        units = vectors / np.maximum(lengths, np.float32(1e-12))
        count = len(units)
        kept = min(neighbours, count - 1)
        if kept < 1:
            return cls(csr_matrix((count, count), dtype=np.float32))
        near = np.empty((count, kept), dtype=np.int64)
        cosines = np.empty((count, kept), dtype=np.float32)
        for first in range(0, count, BLOCK):
            part = units[first : first + BLOCK] @ units.T
            own = np.arange(len(part))
            part[own, first + own] = -2.0
            found = np.argpartition(-part, kept - 1, axis=1)[:, :kept]
            near[first : first + len(part)] = found
            cosines[first : first + len(part)] = np.take_along_axis(part, found, 1)
        weights = np.exp(SHARPNESS * (cosines - 1.0))
        rows = np.repeat(np.arange(count), kept)
        links = csr_matrix((weights.ravel(), (rows, near.ravel())), shape=(count, count))
        links = links.maximum(links.T)
        scale = 1.0 / np.sqrt(np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1e-12))
        return cls((diags(scale) @ links @ diags(scale)).tocsr())

    def spread(self, start: NDArray[np.float32]) -> NDArray[np.float32]:
        """[N, C]: what each row holds in the end, as shares that sum to 1, from what it starts
        with [N, C]."""
        held = start
        for _ in range(STEPS):
            held = SHARE * (self.links @ held) + (1.0 - SHARE) * start
        whole: NDArray[np.float32] = held / np.maximum(held.sum(axis=1, keepdims=True), 1e-12)
        return whole
