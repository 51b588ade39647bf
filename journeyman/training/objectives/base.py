"""The contract of an objective: which rows make a step, and what loss they have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from journeyman.backbones.base import Features
from journeyman.registry import Registry
from journeyman.tasks.base import Array, Encoded, Task
from journeyman.training.batches import Indices, shuffled_batches
from journeyman.training.examples import Examples, FeatureSource
from journeyman.training.learner import Learner


class ObjectiveOptions(BaseModel):
    """What a recipe may say of an objective; each extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Objective(ABC):
    """What the loop trains for. Shapes: B rows of a batch, C outputs."""

    name: ClassVar[str]
    trains_head: ClassVar[bool] = True
    """Whether the head is part of what is trained; else it is solved on what came of training."""
    head: ClassVar[str | None] = None
    """The one head that it trains; None for any."""
    splits: ClassVar[bool] = True
    """Whether a batch's loss is a mean over its rows, so that it may be taken in parts."""
    Options: ClassVar[type[ObjectiveOptions]] = ObjectiveOptions

    def __init__(self, options: ObjectiveOptions) -> None:
        self.options = options

    def permits(self, task: Task) -> str | None:
        """Why this objective cannot serve the task, or None when it can."""
        return None

    def steps(self, rows: int, size: int) -> int:
        """Batches of one epoch."""
        return -(-rows // size)

    def batches(
        self, source: FeatureSource, encoded: Encoded, size: int, *, seed: int, epoch: int
    ) -> list[Indices]:
        """The rows of each step of an epoch; the same seed and epoch give the same."""
        return shuffled_batches(source.lengths, size, seed=seed, epoch=epoch)

    def forward(self, learner: Learner, features: Features) -> Tensor:
        """What the loss is taken of: the head's outputs, unless an objective says otherwise."""
        return learner(features)

    @abstractmethod
    def loss(self, task: Task, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """The loss of a batch; `weights` [C] are class weights."""

    def outputs(
        self,
        learner: Learner,
        train: tuple[Examples, FeatureSource],
        asked: tuple[Examples, FeatureSource],
    ) -> Sequence[Array]:
        """Outputs of the rows `asked`, by which an epoch is judged."""
        return learner.outputs(*asked)


OBJECTIVES: Registry[type[Objective]] = Registry("objective", "journeyman.training.objectives")


def objective_of(said: Any) -> Objective:
    """The objective that options name; the labels where they name none."""
    kind = OBJECTIVES["labels" if said is None else said.name]
    return kind(kind.Options() if said is None else said)
