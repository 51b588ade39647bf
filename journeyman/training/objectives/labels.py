"""The targets themselves: the task's own loss of the head's outputs."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from journeyman.tasks.base import Task
from journeyman.training.objectives.base import OBJECTIVES, Objective, ObjectiveOptions


class LabelsOptions(ObjectiveOptions):
    """What a recipe may say of learning the labels."""

    smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of each target that is spread over all labels: a network that need not "
        "be certain overfits later (Szegedy et al. 2016).",
    )


@OBJECTIVES.register("labels")
class Labels(Objective):
    """Trains layers and head to give the targets."""

    name = "labels"
    Options = LabelsOptions
    options: LabelsOptions

    def permits(self, task: Task) -> str | None:
        """Any task; targets are smoothed where they are one label a row."""
        smooth = self.options.smoothing > 0
        return "smoothing needs one label for each row" if smooth and task.kind != "label" else None

    def loss(self, task: Task, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """The task's loss."""
        share = self.options.smoothing
        if share:
            # A row keeps its weight, and one without any label stays without.
            each = targets.sum(1, keepdim=True) / targets.shape[1]
            targets = (1.0 - share) * targets + share * each
        return task.loss(outputs, targets, weights)
