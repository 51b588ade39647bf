"""A detector without anchors: at every point a class, a score and the distances of four sides."""

from __future__ import annotations

from typing import cast

import torch
from pydantic import Field

from journeyman.backbones.base import Features
from journeyman.heads.base import HEADS, Head, HeadOptions, HeadShape
from journeyman.heads.detection.assignment import AssignmentSettings
from journeyman.heads.detection.convolutions import GROUP
from journeyman.heads.detection.dense import DenseOutputs, DenseSettings
from journeyman.heads.detection.points import points_of
from journeyman.heads.detection.pyramid import Pyramid
from journeyman.heads.detection.towers import Towers


class AnchorFreeOptions(HeadOptions):
    """What a recipe may say of the anchor-free detector."""

    channels: int = Field(
        96, ge=GROUP, multiple_of=GROUP, description="Width of the pyramid and the towers."
    )
    convs: int = Field(1, ge=0, le=8, description="Convolutions of each tower.")
    bins: int = Field(
        16,
        ge=2,
        le=64,
        description="Distances that a side may have, a cell apart: a box is at most twice as many "
        "cells of the coarsest level wide.",
    )
    points: int = Field(10, ge=1, description="Points that learn each box, at most.")
    score_power: float = Field(
        0.5, ge=0, description="How much a point's score counts in the choice of a box's points."
    )
    overlap_power: float = Field(
        6.0, ge=0, description="How much a point's IoU counts in the choice of a box's points."
    )
    focus: float = Field(
        0.0,
        ge=0,
        le=5,
        description="How much less a point weighs whose score is nearly right; 2 is usual where "
        "there are many points and few boxes.",
    )
    box_weight: float = Field(6.0, ge=0, description="Weight of the overlap's loss.")
    distance_weight: float = Field(1.5, ge=0, description="Weight of the distances' loss.")

    @property
    def settings(self) -> DenseSettings:
        """What the outputs need to know of it."""
        return DenseSettings(
            AssignmentSettings(self.points, self.score_power, self.overlap_power),
            focus=self.focus,
            box_weight=self.box_weight,
            distance_weight=self.distance_weight,
        )


@HEADS.register("anchor-free")
class AnchorFreeHead(Head):
    """A pyramid over maps of the backbone, and towers that are the same at each of its levels."""

    name = "anchor-free"
    solved = False
    units = ("map",)
    kinds = ("boxes",)
    modalities = ("image",)
    Options = AnchorFreeOptions

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        own = cast(AnchorFreeOptions, options)
        self.settings = own.settings
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            widths = shape.widths_of(shape.layers)
            self.pyramid = Pyramid(widths, shape.strides, own.channels)
            self.towers = Towers(own.channels, shape.outputs, own.bins, own.convs)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, features: Features) -> DenseOutputs:
        """Logits of classes and distances at the points of every level, for B pictures."""
        maps = [
            features.maps[layer].contiguous(memory_format=torch.channels_last)
            for layer in self.shape.layers
        ]
        levels = self.pyramid(maps)
        grids = [(level.shape[2], level.shape[3]) for level in levels]
        points = points_of(grids, self.pyramid.strides[0], levels[0].device)
        classes, sides = self.towers(levels)
        return DenseOutputs(classes, sides, points, self.settings)
