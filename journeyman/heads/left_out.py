"""Answers to rows that were left out, of kernel ridge regression, for any groups of rows at once.

Shapes: n rows, m of a group, F landmarks, C outputs. Sums over all rows serve every fold of a
cross-validation, folds within folds, and rows that are left out beside them: what the group added
is taken off again, and a system of the size of the landmarks is solved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

TINY = 1e-10
"""Directions of the landmarks' kernel below this share of the largest hold nothing but rounding."""


@dataclass(frozen=True)
class LeftOut:
    """Of n rows [n, F] in coordinates in which the penalty `alpha` is that of plain ridge."""

    rows: Tensor
    weights: Tensor
    gram: Tensor
    alpha: float

    @classmethod
    def of(cls, features: Tensor, penalty: Tensor, alpha: float) -> LeftOut:
        """From kernels of the rows [n, F] and of the landmarks [F, F] with the landmarks.

        Where the landmarks are all rows this is kernel ridge regression itself, else its Nyström
        approximation (`heads/feature_map.py`).
        """
        values, vectors = torch.linalg.eigh(penalty.double())
        kept = values > TINY * values[-1]
        rows = features.double() @ (vectors[:, kept] / values[kept].sqrt())
        return cls(rows, rows.new_ones(len(rows)), rows.T @ rows, alpha)

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise ValueError(f"the penalty must be above 0, not {self.alpha}")

    def at(self, alpha: float) -> LeftOut:
        """The same rows under another penalty."""
        return replace(self, alpha=alpha)

    def weighed(self, weights: Tensor) -> LeftOut:
        """The same rows, of which each counts as much as its weight in `weights` [n] says."""
        counts = weights.double()
        return replace(self, weights=counts, gram=(self.rows * counts[:, None]).T @ self.rows)

    def outputs(self, targets: Tensor, group: Tensor) -> Tensor:
        """Outputs [m, C] of the rows at `group` [m], had none of them been learned from.

        Exact: as solving for the others alone would have it, the offset included. `targets`
        [n, C] are those of all rows; at least one must not be of the group.
        """
        if len(group) >= len(self.rows):
            raise ValueError("every row is left out, so there is none to learn from")
        exact, left = targets.double(), self.rows[group]
        kept = self.weights.clone()
        kept[group] = 0.0
        count = kept.sum()
        center, offset = kept @ self.rows / count, kept @ exact / count
        system = torch.addmm(self.gram, (left * self.weights[group, None]).T, left, alpha=-1)
        system -= count * torch.outer(center, center)
        system.diagonal().add_(self.alpha)
        cross = self.rows.T @ (exact * kept[:, None]) - count * torch.outer(center, offset)
        weight = torch.cholesky_solve(cross, torch.linalg.cholesky(system))
        outputs: Tensor = (left - center) @ weight + offset
        return outputs
