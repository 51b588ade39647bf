"""Ridge regression at every penalty from one decomposition, with exact leave-one-out.

Shapes: n rows, F features, C outputs, r = min(n, F). With few rows this costs n squared times F,
where a solution by the features' own Gram matrix costs F cubed for each penalty.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = 1e-10
"""Directions whose share of the spread is below this are rounding."""


class RidgePath:
    """Rows [n, F], centred by their mean; the intercept is free."""

    def __init__(self, features: Tensor) -> None:
        exact = features.double()
        self.count = len(exact)
        self.center = exact.mean(0)
        self.centred = exact - self.center
        self.basis, self.spread = _decomposed(self.centred)

    @property
    def scale(self) -> float:
        """Mean spread of the directions the rows have: the unit of penalties."""
        return float(self.spread.mean()) if len(self.spread) else 1.0

    def left_out(self, targets: Tensor, alpha: float) -> Tensor:
        """What each row's outputs [n, C] would be, had the row not been seen (Allen 1974)."""
        offset = targets.mean(0)
        share = self.spread / (self.spread + alpha)
        fitted = self.basis @ (share[:, None] * (self.basis.T @ (targets - offset))) + offset
        leverage = self.basis.square() @ share + 1.0 / self.count
        return targets - (targets - fitted) / (1.0 - leverage).clamp(min=1e-12)[:, None]

    def solve(self, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
        """Weight [F, C] and offset [C]: outputs are features @ weight + offset."""
        offset = targets.mean(0)
        dual = self.basis @ ((self.basis.T @ (targets - offset)) / (self.spread + alpha)[:, None])
        weight = self.centred.T @ dual
        return weight, offset - self.center @ weight


def _decomposed(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Left singular vectors [n, r] and squared singular values [r], by the smaller side."""
    rows, features = centred.shape
    if rows <= features:
        squares, basis = torch.linalg.eigh(centred @ centred.T)
        kept = squares > SMALLEST * squares.abs().max().clamp(min=1e-300)
        return basis[:, kept], squares[kept]
    squares, right = torch.linalg.eigh(centred.T @ centred)
    kept = squares > SMALLEST * squares.abs().max().clamp(min=1e-300)
    return centred @ right[:, kept] / squares[kept].sqrt(), squares[kept]
