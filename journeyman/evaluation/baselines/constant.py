"""Answering the same whatever the text: the most frequent label or the mean."""

from __future__ import annotations

from collections import Counter
from typing import Any, Self

import numpy as np

from journeyman.evaluation.baselines.base import BASELINES, Baseline, Inputs, Targets


@BASELINES.register("majority")
class Majority(Baseline):
    """The most frequent label; of label sets, the labels at least half of the rows have, or the
    most frequent one."""

    name = "majority"
    purpose = "always the most frequent label"
    kinds = ("label", "labels")

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Count the labels; ties go to the first in sorted order."""
        if self.kind == "label":
            self._answer: Any = most_frequent(Counter(targets))
            return self
        counts = Counter(label for row in targets for label in row)
        common = sorted(label for label, count in counts.items() if 2 * count >= len(targets))
        self._answer = common or ([most_frequent(counts)] if counts else [])
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """The same answer for every input."""
        return [self._answer] * len(inputs)


@BASELINES.register("mean")
class Mean(Baseline):
    """The mean training value."""

    name = "mean"
    purpose = "always the mean of the training values"
    kinds = ("value",)

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Take the mean."""
        self._answer = float(np.mean(np.asarray(targets, dtype=np.float64)))
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """The mean for every input."""
        return [self._answer] * len(inputs)


def most_frequent(counts: Counter[str]) -> str:
    """The label with the highest count, the first in sorted order among equals."""
    return min(counts, key=lambda label: (-counts[label], label))
