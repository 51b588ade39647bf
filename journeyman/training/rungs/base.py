"""The contract of a rung: one way to fine-tune, and where it stands on the ladder of costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from journeyman.backbones.base import Backbone
from journeyman.registry import Registry
from journeyman.tasks.base import Schema, Task
from journeyman.training.options import FinetuneOptions


@dataclass(frozen=True)
class Situation:
    """What a rung is judged by before it is tried: task, backbone, rows and the recipe's wishes.

    `schema.counts` are the training rows of each class.
    """

    task: Task
    backbone: Backbone
    schema: Schema
    options: FinetuneOptions
    rows: int
    validation_rows: int

    @property
    def depth(self) -> int:
        """Layers of the backbone."""
        return self.backbone.spec.depth


class Rung(ABC):
    """One way to fine-tune. Rungs of the same `floor` are alternatives, and all are tried; the
    ladder goes on to the next floor only while a rung of this one pays."""

    name: ClassVar[str]
    floor: ClassVar[int]

    def permits(self, situation: Situation) -> str | None:
        """Why this rung is no choice here, or None when it is."""
        return None

    @abstractmethod
    def changes(self, situation: Situation) -> Mapping[str, Any]:
        """Fields of `FinetuneOptions` that make this rung, `tuner` among them.

        What the recipe says of any other field than `tuner` and `cut` stays as it says.
        """

    def work(self, options: FinetuneOptions, situation: Situation) -> float:
        """How much training there is: rows times tuned layers times epochs.

        `options` are the rung's own. Together with seconds that were measured it predicts the
        cost.
        """
        cut = options.cut if isinstance(options.cut, int) else situation.depth
        return float(situation.rows * (situation.depth - cut) * options.epochs)


RUNGS: Registry[type[Rung]] = Registry("rung", "journeyman.training.rungs")


def rungs() -> list[Rung]:
    """Every registered rung, lowest floor first."""
    return sorted((RUNGS[name]() for name in RUNGS), key=lambda rung: (rung.floor, rung.name))
