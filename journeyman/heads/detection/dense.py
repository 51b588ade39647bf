"""The outputs of a detector that answers at every point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from journeyman.heads.detection.assignment import Assignment, AssignmentSettings, assign
from journeyman.heads.detection.losses import (
    box_loss,
    distance_loss,
    mean_distance,
    quality_loss,
)
from journeyman.heads.detection.outputs import BoxOutputs
from journeyman.heads.detection.points import NEAREST, Points, boxes_about, distances_to


@dataclass(frozen=True)
class DenseSettings:
    """What the parts of the loss weigh, and which points learn.

    `focus` is the exponent of the quality focal loss.
    """

    assignment: AssignmentSettings = field(default_factory=AssignmentSettings)
    focus: float = 2.0
    box_weight: float = 2.0
    distance_weight: float = 0.5


@dataclass(frozen=True)
class DenseOutputs(BoxOutputs):
    """`classes` [B, P, C] and `sides` [B, P, 4 * bins], logits at P `points`."""

    classes: Tensor
    sides: Tensor
    points: Points
    settings: DenseSettings = field(default_factory=DenseSettings)

    @property
    def device(self) -> torch.device:
        """Where the logits are."""
        return self.classes.device

    def loss(self, targets: Tensor) -> Tensor:
        """The loss of classes, of boxes and of distances, in float32; the mean over pictures.

        A picture's parts are summed and divided by the sum of its own target scores, or by 1 where
        that is less: what else is in the batch does not matter.
        """
        with torch.autocast(self.device.type, enabled=False):
            each: Tensor = self.float()._each_loss(targets.to(self.device).float())
        return each.mean()

    def candidates(self) -> tuple[Tensor, Tensor]:
        """A box and the chances of its labels at every point."""
        whole = self.float()
        return self.points.shares(whole._boxes()), whole.classes.sigmoid()

    def _each(self, change: Callable[[Tensor], Tensor]) -> DenseOutputs:
        return replace(self, classes=change(self.classes), sides=change(self.sides))

    def _logits(self, picked: Tensor) -> Tensor:
        """Distances' logits [N, 4, bins] at the points of a mask [B, P]."""
        return _four(self.sides[picked])

    def _boxes(self) -> Tensor:
        """Every point's box [B, P, 4], in pixels."""
        distances = mean_distance(_four(self.sides)) + NEAREST
        return self.points.boxes(distances)

    def _each_loss(self, targets: Tensor) -> Tensor:
        """The loss of each picture [B]."""
        targets = torch.cat([targets[..., :1], self.points.pixels(targets[..., 1:])], -1)
        wanted = torch.zeros_like(self.classes)
        total = wanted.new_ones(len(wanted))
        sides = wanted.new_zeros(len(wanted))
        if targets.shape[1]:
            given = self._assigned(targets)
            classes = targets[..., 0].long().clamp(min=0).gather(1, given.boxes)
            wanted.scatter_(2, classes[..., None], given.scores[..., None])
            total = given.scores.sum(1).clamp(min=1)
            sides = self._sides_loss(targets, given)
        return (quality_loss(self.classes, wanted, self.settings.focus).sum((1, 2)) + sides) / total

    def _assigned(self, targets: Tensor) -> Assignment:
        with torch.no_grad():
            scores, boxes = self.classes.sigmoid(), self._boxes()
        return assign(scores, boxes, self.points, targets, self.settings.assignment)

    def _sides_loss(self, targets: Tensor, given: Assignment) -> Tensor:
        """What boxes and distances are charged [B], weighted by the target scores."""
        rows, at = given.taken.nonzero(as_tuple=True)
        goals = targets[rows, given.boxes[rows, at], 1:]
        centres, cells = self.points.centres[at], self.points.cells[at]
        logits = self._logits(given.taken)
        boxes = boxes_about(centres, cells, mean_distance(logits) + NEAREST)
        distances = distances_to(centres, cells, goals) - NEAREST
        charged = self.settings.box_weight * box_loss(boxes, goals)
        charged = charged + self.settings.distance_weight * distance_loss(logits, distances)
        charged = charged * given.scores[rows, at]
        return charged.new_zeros(len(targets)).index_add(0, rows, charged)

    def float(self) -> DenseOutputs:
        """Logits in float32."""
        return self._each(lambda values: values.float())

    def detach(self) -> DenseOutputs:
        """Logits without a graph."""
        return self._each(lambda values: values.detach())

    def to(self, device: torch.device) -> DenseOutputs:
        """Logits and points on this device."""
        moved = self._each(lambda values: values.to(device))
        return replace(moved, points=self.points.to(device))


def _four(sides: Tensor) -> Tensor:
    """[..., 4, bins] of the logits of four sides [..., 4 * bins]."""
    return sides.reshape(*sides.shape[:-1], 4, sides.shape[-1] // 4)
