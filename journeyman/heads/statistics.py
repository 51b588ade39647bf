"""Sufficient statistics of ridge regression: sums over rows, exact in any order.

Shapes: n rows, F features, C outputs. Features and targets are rounded to a fixed grid before
they are multiplied, so every product and every partial sum is a whole number of grid steps that
float64 holds without rounding. Addition is then associative to the last bit: batches may come in
any order and any split, and a row that was added and removed again leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FEATURE_STEP = 2.0**-13
"""Grid of features, which are near unit scale; finer than the half precision they came from."""
TARGET_STEP = 2.0**-16
"""Grid of targets: one-hot is exact, probabilities and standardised values err by 2**-17."""
MANTISSA = 2.0**53
"""Whole numbers up to here are exact in float64."""
CHUNK = 1024
"""Rows taken at once: bounds memory at CHUNK x F float64."""
BLOCK = 512
"""Columns of one block of the symmetric product, of which only the lower half is computed."""


@dataclass(frozen=True)
class RidgeSolution:
    """Outputs are `(x - center) @ weight + offset`, with float64 `weight` [F, C].

    `factor` is the lower Cholesky factor of the centred Gram matrix plus alpha times the penalty.
    """

    weight: Tensor
    center: Tensor
    offset: Tensor
    factor: Tensor
    count: int

    def outputs(self, features: Tensor) -> Tensor:
        """Outputs [N, C] of features [N, F], in their precision."""
        kind = features.dtype
        centred = features - self.center.to(kind)
        outputs: Tensor = torch.addmm(self.offset.to(kind), centred, self.weight.to(kind))
        return outputs

    def leverages(self, features: Tensor) -> Tensor:
        """How much each row [N, F] of the training data weighs in its own output, [N]."""
        kind = features.dtype
        centred = (features - self.center.to(kind)).T.contiguous()
        half = torch.linalg.solve_triangular(self.factor.to(kind), centred, upper=False)
        leverages: Tensor = half.square().sum(0) + 1.0 / self.count
        return leverages

    def leave_one_out(self, features: Tensor, targets: Tensor) -> Tensor:
        """What each training row's outputs [N, C] would be, had the row not been seen.

        Exact for a fixed feature map and alpha (Allen 1974, the PRESS statistic).
        """
        residual = targets - self.outputs(features)
        left = (1.0 - self.leverages(features)).clamp(min=1e-6)
        return targets - residual / left[:, None]


class RidgeStatistics:
    """All that a ridge solution needs of the rows it was given; rows come and go.

    `draft` multiplies in float32 and sums in float64: twice as fast, and good to compare
    candidates by, but the order of rows shows in the seventh digit (too coarse for a kernel, whose
    features are nearly alike: with a penalty products stay exact). Of the symmetric `gram` only
    what is on and below the diagonal is kept up. Weights w are penalised by `w @ penalty @ w`
    ([F, F]), without one by their squares.
    """

    def __init__(
        self, features: int, outputs: int, penalty: Tensor | None = None, *, draft: bool = False
    ) -> None:
        self.draft = draft and penalty is None
        self.penalty = penalty
        self.gram = torch.zeros(features, features, dtype=torch.float64)
        self.cross = torch.zeros(features, outputs, dtype=torch.float64)
        self.feature_sum = torch.zeros(features, dtype=torch.float64)
        self.target_sum = torch.zeros(outputs, dtype=torch.float64)
        self.target_square = torch.zeros(outputs, dtype=torch.float64)
        self.count = 0

    @property
    def exact(self) -> bool:
        """Whether every sum so far fits float64 without rounding."""
        features = float(self.gram.diagonal().max()) / FEATURE_STEP**2
        targets = float(self.target_square.max()) / TARGET_STEP**2
        return not self.draft and max(features, targets) < MANTISSA

    def add(self, features: Tensor, targets: Tensor) -> None:
        """Take in rows: `features` [N, F] against `targets` [N, C]."""
        self._accumulate(features, targets, 1)

    def remove(self, features: Tensor, targets: Tensor) -> None:
        """Give up rows that were added; the result is as if they had never been seen."""
        if len(features) > self.count:
            raise ValueError(f"cannot remove {len(features)} rows of {self.count}")
        self._accumulate(features, targets, -1)

    def merge(self, other: RidgeStatistics) -> None:
        """Take in every row that `other` has seen."""
        self.gram += other.gram
        self.cross += other.cross
        self.feature_sum += other.feature_sum
        self.target_sum += other.target_sum
        self.target_square += other.target_square
        self.count += other.count

    def resolve(self, alpha: float) -> RidgeSolution:
        """The exact solution for the rows held now, with penalty `alpha`, intercept free."""
        if self.count < 1:
            raise ValueError("no rows to solve for")
        center = self.feature_sum / self.count
        offset = self.target_sum / self.count
        system = torch.addr(self.gram, center, self.feature_sum, alpha=-1)
        if self.penalty is None:
            system.diagonal().add_(alpha)
        else:
            system.add_(self.penalty, alpha=alpha)
        factor = torch.linalg.cholesky(system)
        cross = self.cross - torch.outer(self.feature_sum, offset)
        weight = torch.cholesky_solve(cross, factor)
        return RidgeSolution(weight, center, offset, factor, self.count)

    def scale(self) -> float:
        """Mean variance times n of a feature: the unit in which penalties are sensible.

        Features that never vary have no unit of their own; n stands in, and the weights come out 0.
        Where a kernel is the penalty, the kernel's scale.
        """
        if self.penalty is not None:
            return kernel_scale(self.penalty)
        center = self.feature_sum / max(self.count, 1)
        spread = float((self.gram.diagonal() - center * self.feature_sum).mean())
        return spread if spread > 1e-9 * max(self.count, 1) else float(max(self.count, 1))

    def tensors(self) -> dict[str, Tensor]:
        """The statistics as stored: the Gram matrix as its packed lower triangle."""
        size = len(self.gram)
        packed = torch.cat([self.gram[row, : row + 1] for row in range(size)])
        return {
            "gram": packed,
            "cross": self.cross,
            "feature_sum": self.feature_sum,
            "target_sum": self.target_sum,
            "target_square": self.target_square,
            "count": torch.tensor([self.count], dtype=torch.int64),
        }

    def rearrange(self, columns: Sequence[int | None]) -> None:
        """Outputs in these places: a number is where one was, None a new one that no row has.

        One that is left out goes with what the rows said of it.
        """
        self.cross = in_columns(self.cross, columns)
        self.target_sum = in_columns(self.target_sum, columns)
        self.target_square = in_columns(self.target_square, columns)

    def select(self, kept: Tensor, penalty: Tensor | None) -> None:
        """Keep the features at the places `kept` alone, with a penalty of their own."""
        whole = self.gram.tril() + self.gram.tril(-1).T
        self.gram = whole[kept][:, kept]
        self.cross, self.feature_sum = self.cross[kept], self.feature_sum[kept]
        self.penalty = penalty

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], penalty: Tensor | None = None
    ) -> RidgeStatistics:
        """The statistics again, from what `tensors` gave."""
        size, outputs = tensors["cross"].shape
        self = cls(size, outputs, penalty)
        start = 0
        for row in range(size):
            self.gram[row, : row + 1] = tensors["gram"][start : start + row + 1]
            start += row + 1
        for name in ("cross", "feature_sum", "target_sum", "target_square"):
            getattr(self, name).copy_(tensors[name])
        self.count = int(tensors["count"])
        return self

    def _accumulate(self, features: Tensor, targets: Tensor, sign: int) -> None:
        for first in range(0, len(features), CHUNK):
            x = on_grid(features[first : first + CHUNK], FEATURE_STEP)
            y = on_grid(targets[first : first + CHUNK], TARGET_STEP)
            _add_symmetric(self.gram, x.float() if self.draft else x, sign)
            self.cross.addmm_(x.T, y, alpha=sign)
            self.feature_sum.add_(x.sum(0), alpha=sign)
            self.target_sum.add_(y.sum(0), alpha=sign)
            self.target_square.add_(y.square().sum(0), alpha=sign)
        self.count += sign * len(features)


def in_columns(values: Tensor, columns: Sequence[int | None]) -> Tensor:
    """Columns of `values` [..., C] chosen anew: a number is where it was, None a new one of 0."""
    new = values.new_zeros(*values.shape[:-1], len(columns))
    for at, column in enumerate(columns):
        if column is not None:
            new[..., at] = values[..., column]
    return new


def kernel_scale(kernel: Tensor) -> float:
    """Mean variance of a kernel [F, F]: the unit of penalties; of rows all alike, its mean."""
    mean = float(kernel.diagonal().mean())
    spread = mean - float(kernel.mean())
    return spread if spread > 1e-9 * mean else mean


def on_grid(values: Tensor, step: float) -> Tensor:
    """The values in float64, rounded to whole steps."""
    return (values.double() / step).round_().mul_(step)


def _add_symmetric(gram: Tensor, x: Tensor, sign: int) -> None:
    """Add the lower blocks of `x.T @ x`."""
    for first in range(0, len(gram), BLOCK):
        last = first + BLOCK
        gram[first:last, :last].add_(x[:, first:last].T @ x[:, :last], alpha=sign)
