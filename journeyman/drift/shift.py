"""Whether the mean of what arrives has moved: a windowed test for rows that hang together.

The statistic is the maximum mean discrepancy (Gretton et al. 2012) with a linear kernel over
whitened coordinates. A window is cut into parts, and only products of *different* parts count: rows
that arrive in bursts, such as the sentences of one article, then add nothing that a shift would.
For the same reason it must hold with any run of neighbouring parts left out, so that one burst
cannot raise it alone. Shapes: K coordinates, P parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from journeyman.drift.coordinates import Array

STEP = 5
"""Rows that are summed before anything is computed."""
PARTS = 8
LEFT_OUT = 3
"""Neighbouring parts without which a shift must show too."""
SIZES = (25, 100)
"""Rows of a part: 200 rows see a large shift soon, 800 a small one late."""
SETTLES = 200
"""Rows that a new normal is taken from before anything is compared with it."""
_PAIRS = (PARTS - LEFT_OUT) * (PARTS - LEFT_OUT - 1)


@dataclass
class Normal:
    """What rows are like while nothing happens: their mean [K], how widely they lie (1: as the rows
    that the coordinates are from), and how many they are."""

    mean: Array
    spread: float
    rows: int

    @classmethod
    def of(cls, placed: Array) -> Normal:
        """That of rows [N, K] in the coordinates."""
        if not placed.size:
            return cls(np.zeros(placed.shape[1]), 1.0, len(placed))
        return cls(placed.mean(axis=0), float(placed.var(axis=0).mean()), len(placed))


@dataclass
class Shift:
    """How far rows lie from a `normal`, in standard deviations of what chance does, as they come.

    Keeps sums of the last 800 rows and nothing of any row alone: memory does not grow.
    """

    normal: Normal
    sums: Array = field(default_factory=lambda: np.zeros((0, 0)))
    rest: Array = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        width = len(self.normal.mean)
        self.sums = self.sums.reshape(-1, width)
        self.rest = self.rest.reshape(-1, width)

    def update(self, placed: Array) -> Array:
        """Take in rows [N, K]; a statistic for each whole step of five rows, 0 before the window is
        full."""
        rows = np.concatenate([self.rest, placed])
        whole = len(rows) // STEP
        steps = rows[: whole * STEP].reshape(whole, STEP, rows.shape[1]).sum(axis=1)
        self.rest = rows[whole * STEP :]
        if not whole:
            return np.zeros(0)
        sums = np.concatenate([self.sums, steps])
        found = np.max([self._statistics(sums, whole, size) for size in SIZES], axis=0)
        self.sums = sums[-PARTS * max(SIZES) // STEP :]
        values: Array = found
        return values

    def window(self) -> Array:
        """[K]: the mean of the last 200 rows, or of as many as there are."""
        steps = self.sums[-PARTS * min(SIZES) // STEP :]
        return steps.mean(axis=0) / STEP if len(steps) else self.normal.mean

    def distance(self, normal: Normal) -> float:
        """The statistic of the last 200 rows against another normal; infinite before they came."""
        needed = PARTS * min(SIZES) // STEP
        if len(self.sums) < needed:
            return float("inf")
        other = Shift(normal, self.sums)
        return float(other._statistics(self.sums, 1, min(SIZES))[0])

    def empty(self) -> None:
        """Forget the window."""
        self.sums, self.rest = self.sums[:0], self.rest[:0]

    def tensors(self) -> dict[str, Array]:
        """The window and the normal, to be kept."""
        about = np.array([self.normal.spread, float(self.normal.rows)])
        return {"sums": self.sums, "rest": self.rest, "mean": self.normal.mean, "about": about}

    @classmethod
    def restored(cls, kept: Mapping[str, Array]) -> Shift:
        """What `tensors` gave."""
        spread, rows = kept["about"].tolist()
        return cls(Normal(kept["mean"], spread, int(rows)), kept["sums"], kept["rest"])

    def _statistics(self, sums: Array, last: int, size: int) -> Array:
        """[last]: at the end of each of the last steps, for parts of so many rows."""
        found = np.zeros(last)
        each = size // STEP
        ends = np.arange(len(sums) - last + 1, len(sums) + 1)
        full = ends >= each * PARTS
        if not full.any():
            return found
        total = np.concatenate([np.zeros((1, sums.shape[1])), np.cumsum(sums, axis=0)])
        edges = ends[full][:, None] - each * np.arange(PARTS, -1, -1)
        parts = np.diff(total[edges], axis=1) / size - self.normal.mean
        products = np.einsum("epk,eqk->epq", parts, parts)
        least = np.full(len(products), np.inf)
        for first in range(PARTS - LEFT_OUT + 1):
            kept = [part for part in range(PARTS) if not first <= part < first + LEFT_OUT]
            inner = products[:, kept][:, :, kept]
            own = np.trace(inner, axis1=1, axis2=2)
            least = np.minimum(least, (inner.sum(axis=(1, 2)) - own) / _PAIRS)
        found[full] = self._standardised(least, size)
        return found

    def _standardised(self, products: Array, size: int) -> Array:
        """In standard deviations, the error of the normal's own mean included."""
        width, spread, rows = len(self.normal.mean), self.normal.spread, self.normal.rows
        kept = size * (PARTS - LEFT_OUT)
        variance = 1 / (_PAIRS * size**2) + 1 / rows**2 + 2 / (rows * kept)
        deviation = np.sqrt(2 * width * variance) * max(spread, 1e-9)
        standard: Array = (products - width * spread / rows) / deviation
        return standard
