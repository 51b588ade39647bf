"""What a warm start saves: the labels that learning without it would need for the same score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from journeyman.transfer.curve import Curve


@dataclass(frozen=True)
class Saving:
    """With `labels` the warm start scores `score`; without it takes `needed`.

    `low` and `high` are the 2.5 and 97.5 percentiles when draws are drawn anew. None: more labels
    than there are.
    """

    labels: int
    score: float
    needed: float | None
    low: float | None
    high: float | None

    @property
    def saved(self) -> float | None:
        """Labels saved at equal score; None where even all labels do not reach it."""
        return None if self.needed is None else self.needed - self.labels


RESAMPLES = 500


def savings(warm: Curve, cold: Curve, seed: int = 0) -> list[Saving]:
    """One for each point of the warm curve; the cold one is read off on a logarithmic scale."""
    random = np.random.default_rng(seed)
    numbers = [point.labels for point in cold.points]
    found = []
    for place, point in enumerate(warm.points):
        values = []
        for _ in range(RESAMPLES):
            goal = _drawn(point.draws, random)
            values.append(needed(numbers, [_drawn(p.draws, random) for p in cold.points], goal))
        low, high = np.quantile(values, [0.025, 0.975], method="nearest")
        score = float(np.mean(point.draws))
        means = [float(np.mean(p.draws)) for p in cold.points]
        whole = needed(numbers, means, score)
        found.append(
            Saving(warm.points[place].labels, score, *map(_known, (whole, float(low), float(high))))
        )
    return found


def needed(numbers: Sequence[int], scores: Sequence[float], goal: float) -> float:
    """The fewest labels at which `scores` reach `goal`: the smallest number when all do.

    A curve that falls back is taken to have stayed at its best; infinite when none reaches it.
    """
    best = np.maximum.accumulate(np.asarray(scores, dtype=np.float64))
    reached = np.flatnonzero(best >= goal)
    if not len(reached):
        return float("inf")
    at = int(reached[0])
    if at == 0:
        return float(numbers[0])
    share = (goal - best[at - 1]) / (best[at] - best[at - 1])
    low, high = np.log2(numbers[at - 1]), np.log2(numbers[at])
    return float(2 ** (low + share * (high - low)))


def _drawn(draws: Sequence[float], random: np.random.Generator) -> float:
    return float(np.mean(np.asarray(draws)[random.integers(0, len(draws), len(draws))]))


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
