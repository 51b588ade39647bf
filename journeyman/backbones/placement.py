"""Where the points of a picture go when it is cropped, mirrored, resized and padded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""[N, 4]: x and y of the top left corner, x and y of the bottom right one."""


@dataclass(frozen=True)
class Placement:
    """x goes to `x * scale_x + left`, y to `y * scale_y + top`; a negative scale mirrors."""

    scale_x: float = 1.0
    scale_y: float = 1.0
    left: float = 0.0
    top: float = 0.0

    def then(self, other: Placement) -> Placement:
        """This one, and after it the other."""
        return Placement(
            self.scale_x * other.scale_x,
            self.scale_y * other.scale_y,
            self.left * other.scale_x + other.left,
            self.top * other.scale_y + other.top,
        )

    @property
    def back(self) -> Placement:
        """The way back."""
        x, y = 1 / self.scale_x, 1 / self.scale_y
        return Placement(x, y, -self.left * x, -self.top * y)

    def boxes(self, corners: Boxes) -> Boxes:
        """Boxes where they go; the top left corner stays the first."""
        scale = np.array([self.scale_x, self.scale_y] * 2)
        moved = np.asarray(corners, dtype=np.float64).reshape(-1, 4) * scale
        moved += np.array([self.left, self.top] * 2)
        pairs = moved.reshape(-1, 2, 2)
        return np.concatenate([pairs.min(1), pairs.max(1)], axis=1)
