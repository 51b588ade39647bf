"""One linear layer, trained by gradient."""

from __future__ import annotations

from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn

from journeyman.backbones.base import Features
from journeyman.heads.base import HEADS, Head, HeadOptions, HeadShape, check_layers


class LinearOptions(HeadOptions):
    """What a recipe may say of the linear head."""

    dropout: float = Field(0.1, ge=0, lt=1, description="Share of features left out of a step.")
    layers: tuple[int, ...] | None = Field(
        None, description="Layers whose pooled vectors it reads, side by side; the last if absent."
    )


@HEADS.register("linear")
class LinearHead(Head):
    """Normalised features, dropout, one linear layer."""

    name = "linear"
    solved = False
    Options = LinearOptions

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        own = cast(LinearOptions, options)
        self.layers = own.layers or shape.layers[-1:]
        check_layers(self.name, self.layers, shape.layers)
        width = shape.stacked(self.layers) if shape.unit == "row" else shape.width
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.norm = nn.LayerNorm(width, elementwise_affine=False)
            self.dropout = nn.Dropout(own.dropout)
            self.linear = nn.Linear(width, shape.outputs)
            nn.init.normal_(self.linear.weight, std=0.02)
            nn.init.zeros_(self.linear.bias)

    def forward(self, features: Features) -> Tensor:
        """Logits [B, C] of rows, or [B, T, C] of tokens."""
        scores: Tensor = self.linear(self.dropout(self.norm(self.stack(features, self.layers))))
        return scores
