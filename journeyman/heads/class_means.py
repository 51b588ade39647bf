"""Class means and the scatter about them, and what they would be with one row left out.

Shapes: N rows, F features, C classes. All from the sums that `RidgeStatistics` holds: of rows, of
rows by class, and of their products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from journeyman.errors import JourneymanError
from journeyman.heads.statistics import RidgeStatistics

Metric = Literal["cosine", "mahalanobis"]

SHARPNESS = 20.0
"""Factor on cosines, so that their softmax before calibration is not flat."""
NEVER = -1e4
"""The output of a class that has no rows."""


@dataclass(frozen=True)
class ClassMeans:
    """`means` [C, F] of `counts` [C] rows; `scatter` [F, F] within classes, a row's mean.

    `spread` is the mean variance of a feature within classes: the sphere of that size is what
    the scatter is shrunk towards. `degrees` is by what the scatter's sum was divided.
    """

    means: Tensor
    counts: Tensor
    scatter: Tensor
    spread: float
    degrees: float

    @classmethod
    def of(cls, held: RidgeStatistics) -> ClassMeans:
        """From the statistics of the rows held now."""
        counts = held.target_sum.clamp(min=0.0)
        means = (held.cross / counts.clamp(min=1e-12)).T.contiguous()
        means[counts <= 0] = 0.0
        gram = held.gram.tril() + held.gram.tril(-1).T
        within = gram - (means.T * counts) @ means
        degrees = max(held.count - int((counts > 0).sum()), 1)
        scatter = within / degrees
        spread = float(scatter.diagonal().mean())
        if spread <= 1e-9:  # One row a class: how classes differ is all that is known.
            total = gram / held.count - torch.outer(held.feature_sum, held.feature_sum) / (
                held.count**2
            )
            spread = max(float(total.diagonal().mean()), 1e-9)
        return cls(means, counts, scatter, spread, float(degrees))

    @property
    def scattered(self) -> bool:
        """Whether any class has rows enough to scatter about their mean."""
        return bool((self.counts > 1.0).any())

    def solution(self, metric: Metric, shrinkage: float) -> tuple[Tensor, Tensor]:
        """Weight [F, C] and offset [C], float32: outputs are `x @ weight + offset`."""
        absent = torch.where(self.counts > 0, 0.0, NEVER)
        if metric == "cosine":
            unit = torch.nn.functional.normalize(self.means, dim=1)
            return (unit.T * self._cosine_scale()).float(), absent.float()
        system = (1.0 - shrinkage) * self.scatter
        system.diagonal().add_(shrinkage * self.spread)
        weight = torch.linalg.solve(system, self.means.T)
        offset = -0.5 * (self.means.T * weight).sum(0) + absent
        return weight.float(), offset.float()

    def _cosine_scale(self) -> float:
        """Rows have length sqrt(F); outputs are `SHARPNESS` times the cosine."""
        return SHARPNESS / math.sqrt(self.means.shape[1])


def cosine_left_out(means: ClassMeans, rows: Tensor, given: Tensor) -> Tensor:
    """Outputs [N, C] of rows [N, F] of the classes `given`, each left out of its class mean."""
    scale = means._cosine_scale()
    unit = torch.nn.functional.normalize(means.means, dim=1)
    outputs = rows @ unit.T * scale + torch.where(means.counts > 0, 0.0, NEVER)
    left = means.counts[given] - 1.0
    own = means.means[given] * means.counts[given, None] - rows
    own = torch.nn.functional.normalize(own, dim=1)
    alone = torch.where(left > 0, (rows * own).sum(1) * scale, NEVER)
    left_out: Tensor = outputs.scatter(1, given[:, None], alone[:, None])
    return left_out


def mahalanobis_left_out(
    means: ClassMeans, shrinkage: float, rows: Tensor, given: Tensor
) -> Tensor:
    """Outputs [N, C] of rows [N, F], each left out of its class mean and of the scatter.

    Exact where the sphere keeps its size: leaving a row out takes a matrix of rank one from the
    scatter, whose inverse follows by Sherman and Morrison (1950).
    """
    values, basis = torch.linalg.eigh(means.scatter)
    inverse = 1.0 / ((1.0 - shrinkage) * values.clamp(min=0.0) + shrinkage * means.spread)
    x, m = rows @ basis, means.means @ basis
    counts = means.counts[given]
    left = (counts - 1.0).clamp(min=1e-9)
    away = x - m[given]
    scaled = away * inverse
    factor = (1.0 - shrinkage) / means.degrees * counts / left
    factor = torch.where(counts > 1.0, factor, 0.0)
    gain = factor / (1.0 - factor * (away * scaled).sum(1)).clamp(min=1e-9)

    x_away, away_away = (x * scaled).sum(1), (away * scaled).sum(1)
    x_m, away_m = (x * inverse) @ m.T, scaled @ m.T
    m_m = (m * m * inverse).sum(1).expand(len(x), -1)
    at = given[:, None]
    own = [
        x_m.gather(1, at)[:, 0] - x_away / left,
        away_m.gather(1, at)[:, 0] - away_away / left,
        m_m.gather(1, at)[:, 0]
        - 2.0 * away_m.gather(1, at)[:, 0] / left
        + away_away / left.square(),
    ]
    x_m, away_m, m_m = (
        whole.scatter(1, at, part[:, None])
        for whole, part in zip((x_m, away_m, m_m), own, strict=True)
    )
    linear = x_m + (gain * x_away)[:, None] * away_m
    square = m_m + gain[:, None] * away_m.square()
    outputs = linear - 0.5 * square + torch.where(means.counts > 0, 0.0, NEVER)
    alone = torch.where(counts > 1.0, outputs.gather(1, at)[:, 0], NEVER)
    left_out: Tensor = outputs.scatter(1, at, alone[:, None])
    return left_out


def check_shrinkage(head: str, asked: float | str) -> None:
    """Raise JourneymanError for a share of shrinkage that is none."""
    if asked == "auto" or (isinstance(asked, float | int) and 0.0 < asked <= 1.0):
        return
    raise JourneymanError(
        f"The {head} head cannot shrink by that much.",
        place="finetune.head.shrinkage",
        expected="auto, or a number above 0 and at most 1",
        found=str(asked),
        remedy="leave `shrinkage` out, or give a number such as 0.5",
    )
