"""What one model gains on another on the same validation rows, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.tasks.base import Array, Schema, Task

BLOCKS = 40
"""Blocks of rows that are left out in turn."""
ERRORS = 1.0
"""Standard errors by which a gain must exceed nothing: the one-standard-error rule for the simpler
of two models (Breiman, Friedman, Olshen and Stone, 1984, "Classification and Regression Trees",
section 3.4.3), with the error of the difference in place of that of either score."""


@dataclass(frozen=True)
class Gain:
    """A difference of two scores, the standard error of that difference, and both scores."""

    value: float
    error: float
    score: float
    before: float

    @property
    def pays(self) -> bool:
        """Whether the difference is more than noise would make of nothing."""
        return self.value > ERRORS * self.error and self.value > 0


def gain(
    task: Task,
    schema: Schema,
    metric: str,
    targets: Sequence[Any],
    new: Sequence[Array],
    old: Sequence[Array],
    seed: int,
) -> Gain:
    """The score of `new` outputs less that of `old` ones on the same N rows.

    The standard error is that of the grouped jackknife: both are scored with each block of rows
    left out, so what makes a block hard is hard for both and cancels (Efron and Tibshirani, 1993,
    "An Introduction to the Bootstrap", chapter 11). It needs few evaluations, and suits any
    metric.
    """

    def scores(rows: NDArray[np.intp] | range) -> tuple[float, float]:
        told = [targets[i] for i in rows]
        first, second = ([outputs[i] for i in rows] for outputs in (new, old))
        return task.score(first, told, schema, metric), task.score(second, told, schema, metric)

    count = len(targets)
    score, before = scores(range(count))
    blocks = min(BLOCKS, count)
    if blocks < 2:
        return Gain(score - before, float("inf"), score, before)
    order = np.random.default_rng(seed).permutation(count)
    left = [np.sort(np.delete(order, np.s_[at::blocks])) for at in range(blocks)]
    differences = np.array([one - other for one, other in map(scores, left)])
    spread = float(((differences - differences.mean()) ** 2).sum())
    return Gain(score - before, float(np.sqrt((blocks - 1) / blocks * spread)), score, before)
