"""Where rows lie: coordinates in which usual rows are round, so that no direction outweighs others.

Shapes: N rows, D numbers of each, K coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST = 64
"""Coordinates at most: shifts of frozen features are seen in few."""
ROWS_EACH = 8
"""Usual rows for each coordinate, at least: fewer would make directions of chance."""
SMALLEST = 1e-4
"""A direction with less of the variance of the widest one is left out."""


@dataclass(frozen=True)
class Coordinates:
    """Principal directions of usual rows, each scaled to a variance of one.

    `centre` [D] and `axes` [D, K]; K is 0 where all rows are the same.
    """

    centre: Array
    axes: Array

    @classmethod
    def of(cls, rows: NDArray[np.floating], most: int = MOST) -> Coordinates:
        """Those of usual rows [N, D], from two of them on."""
        centre = rows.mean(axis=0, dtype=np.float64)
        about = np.asarray(rows, dtype=np.float64) - centre
        _, spread, directions = np.linalg.svd(about, full_matrices=False)
        scale = spread / np.sqrt(max(len(rows) - 1, 1))
        wide = int((scale > np.sqrt(SMALLEST) * max(scale[0], 1e-12)).sum()) if len(scale) else 0
        kept = min(wide, most, max(len(rows) // ROWS_EACH, 1))
        return cls(centre, directions[:kept].T / scale[:kept])

    @property
    def count(self) -> int:
        """K."""
        return int(self.axes.shape[1])

    def place(self, rows: NDArray[np.floating]) -> Array:
        """[N, K]: rows in these coordinates; of usual ones the mean is 0 and the variance 1."""
        placed: Array = (np.asarray(rows, dtype=np.float64) - self.centre) @ self.axes
        return placed
