"""Vectors whose angles tell people apart, trained by gradient with a margin between classes.

Shapes: B rows, E numbers a vector, C classes. Each class has a direction; a row's logits are the
cosines with all of them, scaled. In training the angle to the own class is made larger by a margin
first, so that classes come to lie further apart than the loss alone would have them (Deng et al.,
2019, "ArcFace: Additive angular margin loss for deep face recognition"). The directions are of use
in training alone: rows of classes that were not there are compared with each other.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from journeyman.backbones.base import Features
from journeyman.heads.base import HEADS, Head, HeadOptions, HeadShape, check_layers


class ArcFaceOptions(HeadOptions):
    """What a recipe may say of the head with an angular margin."""

    width: int = Field(128, ge=2, le=4096, description="Numbers of a vector.")
    margin: float = Field(
        0.3, ge=0, le=1.5, description="What is added to the angle to the own class, in radians."
    )
    scale: float = Field(16.0, gt=0, description="Factor on cosines before the softmax.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of features left out of a step.")
    layers: tuple[int, ...] | None = Field(
        None,
        description="Layers whose pooled vectors it reads, side by side; the last if absent.",
    )


@HEADS.register("arcface")
class ArcFaceHead(Head):
    """Normalised features, dropout, one linear layer to vectors of length 1."""

    name = "arcface"
    solved = False
    units = ("row",)
    kinds = ("identity",)
    Options = ArcFaceOptions
    options: ArcFaceOptions

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        own = cast(ArcFaceOptions, options)
        self.layers = own.layers or shape.layers[-1:]
        check_layers(self.name, self.layers, shape.layers)
        width = shape.stacked(self.layers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.norm = nn.LayerNorm(width, elementwise_affine=False)
            self.dropout = nn.Dropout(own.dropout)
            self.linear = nn.Linear(width, own.width, bias=False)
            nn.init.normal_(self.linear.weight, std=width**-0.5)
            self.directions = nn.Parameter(torch.randn(shape.outputs, own.width))

    @property
    def output_width(self) -> int:
        """E."""
        return self.options.width

    def forward(self, features: Features) -> Tensor:
        """Vectors [B, E] of length 1."""
        rows = self.dropout(self.norm(self.stack(features, self.layers)))
        return normalize(self.linear(rows), dim=-1)

    def against(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Scaled cosines [B, C], the margin taken off the classes that are meant.

        Beyond the angle at which adding the margin would pass half a turn, the cosine falls on in a
        straight line, so that it never rises again.
        """
        margin = self.options.margin
        cosines = linear(outputs, normalize(self.directions, dim=-1)).clamp(-1 + 1e-6, 1 - 1e-6)
        sines = (1.0 - cosines.square()).sqrt()
        turned = cosines * math.cos(margin) - sines * math.sin(margin)
        straight = cosines - math.sin(margin) * margin
        meant = torch.where(cosines > -math.cos(margin), turned, straight)
        return self.options.scale * torch.lerp(cosines, meant, targets.clamp(0.0, 1.0))
