"""Kernel ridge regression, exact: every training row is a landmark, and only rows are kept.

Shapes: n rows, V entries of a row's vectors side by side, C outputs. Rows are kept in an order of
their own bits, so that what is solved is the same to the last bit in whatever order rows came,
and a row that was given up leaves no trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from journeyman.heads.statistics import (
    TARGET_STEP,
    RidgeSolution,
    in_columns,
    kernel_scale,
    on_grid,
)


@dataclass(frozen=True)
class KernelSolution(RidgeSolution):
    """Outputs are `kernel @ weight + offset`; `factor` is of the kernel [n, n] plus alpha."""

    def leave_one_out(self, features: Tensor, targets: Tensor) -> Tensor:
        """As `RidgeSolution` has it; of all rows at once, whose kernel need not be given again."""
        inverse = torch.cholesky_inverse(self.factor)
        sums = inverse.sum(1)
        left = (inverse.diagonal() - sums.square() / sums.sum()).clamp(min=1e-12)
        return (targets.double() - self.weight / left[:, None]).to(targets.dtype)

    def left_out(self, group: Tensor, targets: Tensor) -> Tensor:
        """Outputs [m, C] of the training rows at `group` [m], had none of them been learned from.

        Exact, as leave-one-out is, for all of them at once; `targets` [m, C] are theirs.
        """
        unit = torch.zeros(len(self.factor), len(group) + 1, dtype=torch.float64)
        unit[group, torch.arange(len(group))] = 1.0
        unit[:, -1] = 1.0
        half = torch.linalg.solve_triangular(self.factor, unit, upper=False)
        products = half.T @ half
        sums, total = products[:-1, -1], products[-1, -1]
        left = products[:-1, :-1] - torch.outer(sums, sums) / total
        outputs: Tensor = targets.double() - torch.linalg.solve(left, self.weight[group])
        return outputs

    def each_left_out(self, places: Tensor, targets: Tensor) -> Tensor:
        """Outputs [m, C] of the training rows at `places` [m], had just the one been left out."""
        unit = torch.zeros(len(self.factor), len(places) + 1, dtype=torch.float64)
        unit[places, torch.arange(len(places))] = 1.0
        unit[:, -1] = 1.0
        half = torch.linalg.solve_triangular(self.factor, unit, upper=False)
        own, all_rows = half[:, :-1], half[:, -1]
        left = own.square().sum(0) - (own.T @ all_rows).square() / all_rows.square().sum()
        outputs: Tensor = targets.double() - self.weight[places] / left.clamp(min=1e-12)[:, None]
        return outputs


class KernelSystem:
    """The equations of rows whose `kernel` [n, n] and `targets` [n, C] are at hand."""

    def __init__(self, kernel: Tensor, targets: Tensor) -> None:
        self.kernel = kernel
        self.targets = on_grid(targets, TARGET_STEP)

    def resolve(self, alpha: float, *, last: bool = False) -> KernelSolution:
        """The exact solution with penalty `alpha`; the `last` one uses the kernel up."""
        system = (self.kernel if last else self.kernel.clone()).mT  # As LAPACK has it: no copies.
        system.diagonal().add_(alpha)
        factor = torch.linalg.cholesky(system, out=system)
        one = torch.ones(len(system), 1, dtype=torch.float64)
        sides = torch.cat([self.targets, one], dim=1)
        half = torch.linalg.solve_triangular(factor, sides, upper=False)
        both = torch.linalg.solve_triangular(factor.mT, half, upper=True)
        known, level = both[:, :-1], both[:, -1:]
        offset = known.sum(0) / level.sum()
        center = torch.zeros(len(system), dtype=torch.float64)
        return KernelSolution(known - level * offset, center, offset, factor, len(system))

    def scale(self) -> float:
        """The kernel's own."""
        return kernel_scale(self.kernel)


class KernelRows:
    """All that exact kernel ridge regression needs: each row's `vectors` [n, V] and targets [n, C].

    Vectors are kept in half precision, as the feature cache has them, targets on their grid.
    """

    def __init__(self, vectors: Tensor, targets: Tensor) -> None:
        self.vectors = vectors.half()
        self.targets = on_grid(targets, TARGET_STEP)
        self._sort()

    @property
    def count(self) -> int:
        """n."""
        return len(self.targets)

    @property
    def target_sum(self) -> Tensor:
        """[C]."""
        return self.targets.sum(0)

    def add(self, vectors: Tensor, targets: Tensor) -> None:
        """Take in rows."""
        self.vectors = torch.cat([self.vectors, vectors.half()])
        self.targets = torch.cat([self.targets, on_grid(targets, TARGET_STEP)])
        self._sort()

    def remove(self, vectors: Tensor, targets: Tensor) -> None:
        """Give up rows that were added; the result is as if they had never been seen."""
        gone = Counter(_keys(vectors.half(), on_grid(targets, TARGET_STEP)))
        kept = []
        for place, key in enumerate(_keys(self.vectors, self.targets)):
            if gone[key]:
                gone[key] -= 1
            else:
                kept.append(place)
        if missing := gone.total():
            raise ValueError(f"cannot remove {missing} rows that are not held")
        self.vectors, self.targets = self.vectors[kept], self.targets[kept]

    def rearrange(self, columns: Sequence[int | None]) -> None:
        """Outputs in these places; see `RidgeStatistics.rearrange`."""
        self.targets = in_columns(self.targets, columns)
        self._sort()

    def places(self, vectors: Tensor, targets: Tensor) -> Tensor:
        """Where these rows are among those held; rows that are alike stand at places of their own.

        Raises LookupError for one that is not held.
        """
        held: dict[bytes, list[int]] = {}
        for place, key in enumerate(_keys(self.vectors, self.targets)):
            held.setdefault(key, []).append(place)
        asked = _keys(vectors.half(), on_grid(targets, TARGET_STEP))
        return torch.tensor([held[key].pop() for key in asked], dtype=torch.long)

    def resolve(self, alpha: float, kernel: Tensor) -> KernelSolution:
        """The exact solution for the rows held now; `kernel` [n, n] is theirs, and used up."""
        if self.count < 1:
            raise ValueError("no rows to solve for")
        return KernelSystem(kernel, self.targets).resolve(alpha, last=True)

    def tensors(self) -> dict[str, Tensor]:
        """The targets; the vectors are the landmarks of the map."""
        return {"targets": self.targets}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], vectors: Tensor) -> KernelRows:
        """The rows again, from what `tensors` gave."""
        return cls(vectors, tensors["targets"])

    def _sort(self) -> None:
        keys = _keys(self.vectors, self.targets)
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self.vectors, self.targets = self.vectors[order], self.targets[order]


def _keys(vectors: Tensor, targets: Tensor) -> list[bytes]:
    pairs = zip(vectors.cpu().numpy(), targets.cpu().numpy(), strict=True)
    return [vector.tobytes() + target.tobytes() for vector, target in pairs]
