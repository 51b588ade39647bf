"""The targets themselves: the task's own loss of the head's outputs."""

from __future__ import annotations

from torch import Tensor

from journeyman.tasks.base import Task
from journeyman.training.objectives.base import OBJECTIVES, Objective


@OBJECTIVES.register("labels")
class Labels(Objective):
    """Trains layers and head to give the targets."""

    name = "labels"

    def loss(self, task: Task, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """The task's loss."""
        return task.loss(outputs, targets, weights)
