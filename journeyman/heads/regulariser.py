"""Choosing the penalty of a ridge solution: a walk over a grid, each step one exact solution.

Shapes: N rows, F features, C outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from journeyman.heads.statistics import RidgeSolution, RidgeStatistics

Judge = Callable[[RidgeSolution], float]
"""How good a solution is; higher is better."""

ALPHAS = tuple(10.0 ** (exponent / 2) for exponent in range(-9, 5))
"""The grid, relative to the mean over features of n times their variance."""


@dataclass(frozen=True)
class Trial:
    """One penalty that was tried: `relative` to the features' scale, and its `merit`."""

    relative: float
    alpha: float
    merit: float


def is_distribution(targets: Tensor) -> bool:
    """Whether each row of `targets` [N, C] is a distribution over classes (one-hot included)."""
    if targets.shape[1] < 2 or bool((targets < 0).any()):
        return False
    return bool(((targets.sum(1) - 1.0).abs() < 1e-4).all())


def left_out_judge(features: Tensor, targets: Tensor) -> Judge:
    """Merit by exact leave-one-out on training rows [N, F].

    Of distributions, the share of rows whose likeliest class is met, each class counting by the
    square root of its rows; a thousandth of the squared error settles ties. Of values, the
    negative squared error.
    """
    classes = is_distribution(targets)
    given = targets.argmax(1)
    counts = torch.bincount(given, minlength=targets.shape[1]).clamp(min=1)
    weight = counts.double().rsqrt()[given]

    def judge(solution: RidgeSolution) -> float:
        outputs = solution.leave_one_out(features, targets)
        error = float((outputs - targets).square().sum(1).mean())
        if not classes:
            return -error
        met = (outputs.argmax(1) == given).double()
        return float((met * weight).sum() / weight.sum()) - 1e-3 * error

    return judge


def choose_alpha(
    statistics: RidgeStatistics, grid: Sequence[float], start: float, judge: Judge
) -> tuple[Trial, list[Trial]]:
    """The best penalty by climbing from `start` along `grid`; every one that was tried, too.

    Merit has one broad summit along the penalty, so climbing meets it with four or five
    solutions where the whole grid would take three times as many. Of equals, the larger penalty.
    """
    ordered = sorted(grid)
    tried: dict[int, Trial] = {}

    def attempt(place: int) -> float:
        if not 0 <= place < len(ordered):
            return float("-inf")
        if place not in tried:
            tried[place] = _trial(statistics, ordered[place], judge)
        return tried[place].merit

    best = min(range(len(ordered)), key=lambda place: abs(ordered[place] - start))
    attempt(best)
    for step in (1, -1):
        while attempt(best + step) > tried[best].merit or (
            step == 1 and attempt(best + step) == tried[best].merit
        ):
            best += step
    return tried[best], [tried[place] for place in sorted(tried)]


def _trial(statistics: RidgeStatistics, relative: float, judge: Judge) -> Trial:
    alpha = relative * statistics.scale()
    return Trial(relative, alpha, judge(statistics.resolve(alpha)))
