"""The rungs for few labels: class means of frozen features, then layers tuned by contrast.

One label a row; contrast is tried where a label has few rows, for it is there that it pays: with
many, the labels themselves say more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journeyman.heads.base import HEADS
from journeyman.training.rungs.base import RUNGS, Rung, Situation

FEW = 64
"""Rows of a label on average up to which labels are few."""


def labels_are_few(situation: Situation) -> bool:
    """Whether a label has at most `FEW` rows on average."""
    counts = situation.schema.counts
    return bool(counts) and sum(counts) <= FEW * len(counts)


@RUNGS.register("prototype")
class Prototype(Rung):
    """No layer is tuned; each class is the mean of its rows."""

    name = "prototype"
    floor = 0

    def permits(self, situation: Situation) -> str | None:
        """One label a row."""
        said = situation.options.head
        if said is not None and said.name != self.name:
            return f"the recipe asks for the head {said.name}"
        fits = self.name in situation.task.heads()
        return None if fits else "rows do not have one label each"

    def changes(self, situation: Situation) -> Mapping[str, Any]:
        """No tuner, and the head of class means."""
        return {"tuner": {"name": "none"}, "cut": situation.depth, "head": {"name": "prototype"}}


@RUNGS.register("contrast")
class Contrast(Rung):
    """The upper third of the layers, trained by contrast between classes; a head solved on them."""

    name = "contrast"
    floor = 1

    def permits(self, situation: Situation) -> str | None:
        """One label a row, and few rows of each."""
        if situation.task.kind != "label":
            return "rows do not have one label each"
        said = situation.options.head
        if said is not None and not HEADS[said.name].solved:
            return f"the head {said.name} is not solved, and contrast does not train one"
        if not labels_are_few(situation):
            return f"labels have more than {FEW} rows on average"
        cut = self._cut(situation)
        permitted = cut in situation.backbone.permitted_cuts()
        return None if permitted else f"the backbone cannot be cut at {cut}"

    def changes(self, situation: Situation) -> Mapping[str, Any]:
        """All weights of those layers, for contrast."""
        return {
            "tuner": {"name": "full"},
            "cut": self._cut(situation),
            "objective": {"name": "contrast"},
            "epochs": 8,
            "batch_size": 64,
            "learning_rate": 2e-4,
            "patience": 0,
        }

    def _cut(self, situation: Situation) -> int:
        """Two thirds of the depth, a layer left at least."""
        return min(situation.depth - 1, situation.depth - situation.depth // 3)
