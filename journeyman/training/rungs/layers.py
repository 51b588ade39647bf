"""The rungs that tune more and more layers: none, a third by LoRA, two thirds, all weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journeyman.training.rungs.base import RUNGS, Rung, Situation


class _Layers(Rung):
    """A tuner above a cut, the head solved anew on what it makes of the rows."""

    tuner: str

    def cut(self, depth: int) -> int:
        """The cut for a backbone of this depth."""
        return depth

    def permits(self, situation: Situation) -> str | None:
        """Cuts that the backbone permits."""
        cut = self.cut(situation.depth)
        if cut in situation.backbone.permitted_cuts():
            return None
        return f"the backbone cannot be cut at {cut}"

    def changes(self, situation: Situation) -> Mapping[str, Any]:
        """The tuner and its cut."""
        return {"tuner": {"name": self.tuner}, "cut": self.cut(situation.depth)}


@RUNGS.register("frozen")
class Frozen(_Layers):
    """No layer is tuned: the head is solved on frozen features, once."""

    name = "frozen"
    floor = 0
    tuner = "none"


@RUNGS.register("lora-top")
class LoraTop(_Layers):
    """LoRA on the upper third of the layers."""

    name = "lora-top"
    floor = 1
    tuner = "lora"

    def cut(self, depth: int) -> int:
        """Two thirds of the depth, a layer left at least."""
        return min(depth - 1, depth - depth // 3)


@RUNGS.register("lora-deep")
class LoraDeep(_Layers):
    """LoRA on the upper two thirds of the layers."""

    name = "lora-deep"
    floor = 2
    tuner = "lora"

    def cut(self, depth: int) -> int:
        """A third of the depth."""
        return depth // 3


@RUNGS.register("full")
class Full(_Layers):
    """Every weight of the upper two thirds of the layers."""

    name = "full"
    floor = 3
    tuner = "full"

    def cut(self, depth: int) -> int:
        """A third of the depth."""
        return depth // 3
