"""Two heads that choose each other's rows: what one learns easily, the other learns from.

Han et al. (2018), "Co-teaching: robust training of deep neural networks with extremely noisy
labels". A network meets clear labels before it learns wrong ones by heart, so rows of small loss
are mostly right; and since the other head has picked them, a head does not confirm its own
mistakes. Layers that are tuned are shared by both. Shapes: B rows, C classes.
"""

from __future__ import annotations

from typing import cast

import torch
from pydantic import Field
from torch import Tensor

from journeyman.backbones.base import Features
from journeyman.heads.twin import TwinHead
from journeyman.tasks.base import Encoded, Task
from journeyman.training.batches import Indices
from journeyman.training.examples import FeatureSource
from journeyman.training.learner import Learner
from journeyman.training.objectives.base import OBJECTIVES, Objective, ObjectiveOptions


class CoTeachingOptions(ObjectiveOptions):
    """What a recipe may say of co-teaching."""

    wrong: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="Share of labels that are wrong, as `journeyman audit` estimates it: so many "
        "rows of a batch are left out in the end.",
    )
    rising: int = Field(10, ge=1, description="Epochs over which as many come to be left out.")


@OBJECTIVES.register("co-teaching")
class CoTeaching(Objective):
    """Trains layers and a head of two, each of which learns the rows that the other finds easy."""

    name = "co-teaching"
    head = TwinHead.name
    splits = False
    Options = CoTeachingOptions
    options: CoTeachingOptions
    epoch = 0

    def permits(self, task: Task) -> str | None:
        """One label a row."""
        return None if task.kind == "label" else "it needs one label for each row"

    def batches(
        self, source: FeatureSource, encoded: Encoded, size: int, *, seed: int, epoch: int
    ) -> list[Indices]:
        """As usual; from the epoch follows how many rows are left out."""
        self.epoch = epoch
        return super().batches(source, encoded, size, seed=seed, epoch=epoch)

    def forward(self, learner: Learner, features: Features) -> Tensor:
        """Logits [B, 2C]: both heads' side by side."""
        return torch.cat([*cast(TwinHead, learner.head).apart(learner.read(features))], dim=1)

    def loss(self, task: Task, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Mean cross-entropy of each head on the rows of least loss to the other, both together.

        Rows are chosen by what they lose, however much their class or they themselves weigh.
        """
        counted = targets if weights is None else targets * weights
        said = [each.log_softmax(1) for each in outputs.chunk(2, dim=1)]
        losses = [-(counted * each).sum(1) for each in said]
        alike = targets / targets.sum(1, keepdim=True).clamp(min=1e-12)
        merits = [(alike * each.detach()).sum(1) for each in said]
        kept = self.taught(len(targets))
        first, other = (merit.argsort(descending=True, stable=True)[:kept] for merit in merits)
        return (losses[0][other].mean() + losses[1][first].mean()) / 2

    def taught(self, rows: int) -> int:
        """How many of a batch's rows are learned from in this epoch."""
        share = self.options.wrong * min((self.epoch + 1) / self.options.rising, 1.0)
        return max(round((1.0 - share) * rows), 1)
