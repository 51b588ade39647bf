"""Choosing the penalty of a ridge solution: a walk over a grid, each step one exact solution.

Shapes: N rows, F features, C outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from journeyman.heads.statistics import RidgeSolution


class Solvable(Protocol):
    """What has one solution for each penalty."""

    def resolve(self, alpha: float) -> RidgeSolution:
        """The exact solution with penalty `alpha`."""
        ...

    def scale(self) -> float:
        """The unit in which penalties are sensible."""
        ...


Judge = Callable[[RidgeSolution], float]
"""How good a solution is; higher is better."""

ALPHAS = tuple(10.0 ** (exponent / 2) for exponent in range(-9, 5))
"""The grid, relative to the scale of what is solved."""


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
    square root of its rows, less a twentieth of the squared error: hits are what is wanted, the
    error is what is steady. Of values, the negative squared error.
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
        return float((met * weight).sum() / weight.sum()) - 0.05 * error

    return judge


def choose_alpha(
    statistics: Solvable, grid: Sequence[float], start: float, judge: Judge
) -> tuple[RidgeSolution, list[Trial]]:
    """The solution of the best penalty, climbing from `start` along `grid`; and every trial.

    Trials come with the best one first. The climb stops at the first penalty that is no better,
    so it may miss a summit beyond a dip; a whole grid would take three times as many solutions.

    Of equals, the larger penalty.
    """
    ordered, scale = sorted(grid), statistics.scale()

    def attempt(place: int) -> tuple[RidgeSolution, Trial]:
        alpha = ordered[place] * scale
        solution = statistics.resolve(alpha)
        return solution, Trial(ordered[place], alpha, judge(solution))

    place = min(range(len(ordered)), key=lambda place: abs(ordered[place] - start))
    solution, best = attempt(place)
    trials = [best]
    for direction in (range(place + 1, len(ordered)), range(place - 1, -1, -1)):
        climbed = False
        for other in direction:
            rival, trial = attempt(other)
            trials.append(trial)
            if (trial.merit, trial.alpha) <= (best.merit, best.alpha):
                break
            solution, best, climbed = rival, trial, True
        if climbed:
            break
    return solution, sorted(trials, key=lambda trial: trial is not best)
