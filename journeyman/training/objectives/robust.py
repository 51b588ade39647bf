"""A loss that wrong labels pull at less: generalised cross-entropy.

Zhang and Sabuncu (2018), "Generalized cross entropy loss for training deep neural networks with
noisy labels". The gradient of a row is that of cross-entropy times the model's own probability of
the label to the power q, so a label that a model finds absurd hardly moves it. Shapes: B rows,
C classes.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from journeyman.tasks.base import Task
from journeyman.training.objectives.base import OBJECTIVES, Objective, ObjectiveOptions


class RobustOptions(ObjectiveOptions):
    """What a recipe may say of the robust objective."""

    q: float = Field(
        0.7,
        gt=0,
        le=1,
        description="From cross-entropy (near 0) to the mean absolute error (1), which heeds wrong "
        "labels least and learns slowest.",
    )


@OBJECTIVES.register("robust")
class Robust(Objective):
    """Trains layers and head to give the labels, those that are unlikely by far the least."""

    name = "robust"
    Options = RobustOptions
    options: RobustOptions

    def permits(self, task: Task) -> str | None:
        """One label a row."""
        return None if task.kind == "label" else "it needs one label for each row"

    def loss(self, task: Task, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Mean of (1 - p^q) / q over labels as they are given, p being their probability."""
        power = self.options.q
        each = -torch.expm1(power * outputs.log_softmax(1)) / power
        counted = targets if weights is None else targets * weights
        return (counted * each).sum() / len(outputs)
