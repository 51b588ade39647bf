"""What each point of a level says: which class, with what score, and how far its sides are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from journeyman.heads.detection.convolutions import separable
from journeyman.heads.detection.points import NEAREST

PRIOR = 0.01
"""The score that every class has at first, everywhere (Lin et al., 2017, "Focal loss")."""
REACH = 2.0
"""The distance of each side at first, in cells, more or less: a box of four cells at each point.

So from the first step the levels differ in which boxes they overlap.
"""


class Towers(nn.Module):
    """A tower of convolutions for classes and one for sides, the same at every level.

    They are apart since what tells a class and what tells an edge differ (Ge et al., 2021,
    "YOLOX"). Sides are told as scores of `bins` distances a cell apart (Li et al., 2020,
    "Generalized focal loss").
    """

    def __init__(self, channels: int, classes: int, bins: int, convs: int) -> None:
        super().__init__()
        self.of_class = nn.Sequential(*(separable(channels) for _ in range(convs)))
        self.of_sides = nn.Sequential(*(separable(channels) for _ in range(convs)))
        self.classes = nn.Conv2d(channels, classes, 1)
        self.sides = nn.Conv2d(channels, 4 * bins, 1)
        for last in (self.classes, self.sides):
            nn.init.normal_(last.weight, std=0.01)
        away = torch.arange(bins) + NEAREST - REACH
        with torch.no_grad():
            self.classes.bias.fill_(math.log(PRIOR / (1 - PRIOR)))  # type: ignore[union-attr]
            self.sides.bias.copy_((-away.square() / 2).repeat(4))  # type: ignore[union-attr]

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits [B, P, C] of classes and [B, P, 4 * bins] of distances, level by level."""
        classes = [_rows(self.classes(self.of_class(level))) for level in levels]
        sides = [_rows(self.sides(self.of_sides(level))) for level in levels]
        return torch.cat(classes, 1), torch.cat(sides, 1)


def _rows(values: Tensor) -> Tensor:
    """[B, H * W, D] of a map [B, D, H, W]."""
    return values.flatten(2).transpose(1, 2)
