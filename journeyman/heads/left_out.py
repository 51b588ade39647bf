"""Answers to rows that were left out, of kernel ridge regression, for any groups of rows at once.

Shapes: n rows, m of a group, C outputs. One inverse serves every fold of a cross-validation, folds
within folds, and rows that are left out beside them: each takes a system of the size of the group.
"""

from __future__ import annotations

import torch
from torch import Tensor


class LeftOut:
    """Of n rows whose `kernel` [n, n] (float64) is at hand, and a penalty `alpha`."""

    def __init__(self, kernel: Tensor, alpha: float) -> None:
        if alpha <= 0:
            raise ValueError(f"the penalty must be above 0, not {alpha}")
        system = kernel.clone()
        system.diagonal().add_(alpha)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(system))
        sums = inverse.sum(1)
        self._residual = inverse - torch.outer(sums, sums) / sums.sum()

    def outputs(self, targets: Tensor, group: Tensor) -> Tensor:
        """Outputs [m, C] of the rows at `group` [m], had none of them been learned from.

        Exact: as solving for the others alone would have it, the offset included. `targets`
        [n, C] are those of all rows; at least one must not be of the group.
        """
        if len(group) >= len(self._residual):
            raise ValueError("every row is left out, so there is none to learn from")
        exact = targets.double()
        own = self._residual[group]
        outputs: Tensor = exact[group] - torch.linalg.solve(own[:, group], own @ exact)
        return outputs
