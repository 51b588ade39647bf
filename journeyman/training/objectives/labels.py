"""The targets themselves: the task's own loss of the head's outputs."""

from __future__ import annotations

from torch import Tensor

from journeyman.tasks.base import Task
from journeyman.training.objectives.base import OBJECTIVES, Objective
from journeyman.training.smoothing import smoothed_loss


@OBJECTIVES.register("labels")
class Labels(Objective):
    """Trains layers and head to give the targets."""

    name = "labels"

    def loss(
        self, task: Task, outputs: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """The task's loss."""
        return smoothed_loss(task, outputs, targets, weights, smoothing)
