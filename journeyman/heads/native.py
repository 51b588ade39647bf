"""The prediction layers that a detector came with, taught other classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from journeyman.backbones.base import Backbone, Features
from journeyman.backbones.native_head import NATIVE_HEADS, NativeHead
from journeyman.heads.base import HEADS, Head, HeadOptions, HeadShape
from journeyman.heads.detection.set_outputs import SetOutputs


@HEADS.register("native")
class NativeDetectorHead(Head):
    """The checkpoint's own, but for what tells classes, which starts from chance."""

    name = "native"
    solved = False
    units = ("map",)
    kinds = ("boxes",)
    modalities = ("image",)
    reads_hidden = True
    native: NativeHead

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        self.choices = {"config": {}}

    @classmethod
    def permits(cls, backbone: Backbone) -> str | None:
        """Only one that came as a detector."""
        return None if backbone.native_head else "the backbone has no detector of its own"

    def begin(self, backbone: Backbone, labels: Sequence[str]) -> None:
        """Take a copy of the checkpoint's prediction layers, for these labels."""
        kind = backbone.native_head
        if kind is None:
            raise ValueError(f"{backbone.spec.name} has no native head")
        self.native = kind.taken(backbone.folder, len(labels), self.seed).to(backbone.device)
        self.choices = {"config": self.native.said}

    def forward(self, features: Features) -> SetOutputs:
        """Classes and boxes of every query, for B pictures."""
        return SetOutputs(self.native(features), self.native)

    def restore(self, choices: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Build what was saved anew, then take its numbers."""
        config = choices["config"]
        self.native = NATIVE_HEADS[config["model_type"]].built(config)
        super().restore(choices, tensors)
