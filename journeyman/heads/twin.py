"""Two linear layers side by side that start apart, for objectives in which each teaches the other.

Shapes: B rows, F features, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from journeyman.backbones.base import Features
from journeyman.heads.base import HEADS, Head, HeadOptions, HeadShape
from journeyman.heads.linear import LinearHead, LinearOptions

APART = 7919
"""What the second layer's seed lies beyond the first's."""


class TwinOptions(LinearOptions):
    """What a recipe may say of the twin head."""


@HEADS.register("twin")
class TwinHead(Head):
    """Two linear heads; their mean is what is answered."""

    name = "twin"
    solved = False
    units = ("row",)
    kinds = ("label",)
    Options = TwinOptions

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        self.twins = nn.ModuleList(
            LinearHead(options, shape, each) for each in (seed, seed + APART)
        )

    def forward(self, features: Features) -> Tensor:
        """Logits [B, C] of rows: the mean of both."""
        return self.apart(features).mean(0)

    def apart(self, features: Features) -> Tensor:
        """Logits [2, B, C] of each, dropout drawn for itself."""
        return torch.stack([twin(features) for twin in self.twins])
