"""Maps of a backbone to levels that know of one another, one for each size of things."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from journeyman.heads.detection.convolutions import doubling, lateral, resized, separable

STRIDES = (8, 16, 32)
"""Levels that are always there, made where the backbone has no such map."""


class Pyramid(nn.Module):
    """What is coarse is told to what is fine, then the other way (Lin et al., 2017; Liu et al.,
    2018).

    Reads maps of `widths` channels at `strides`, one of each; strides near a power of two count as
    it, and maps of one stride are read side by side. A level of `STRIDES` that is missing is made
    from the next finer one by a convolution, or where there is none from the next coarser, as Li et
    al. (2022, "ViTDet") make theirs from a single map. Gives maps [B, channels, H, W], the finest
    first; their nominal strides are `strides`.
    """

    def __init__(self, widths: Sequence[int], strides: Sequence[int], channels: int) -> None:
        super().__init__()
        self.read = tuple(level_of(stride) for stride in strides)
        self.strides = tuple(sorted({*STRIDES, *self.read}))
        joined = {
            stride: sum(w for w, at in zip(widths, self.read, strict=True) if at == stride)
            for stride in self.strides
        }
        present = [at for at, stride in enumerate(self.strides) if stride in self.read]
        self.first = present[0]
        self.starts = nn.ModuleList(
            lateral(joined[stride], channels)
            if stride in self.read
            else (doubling(channels) if at < self.first else separable(channels, 2))
            for at, stride in enumerate(self.strides)
        )
        steps = range(len(self.strides) - 1)
        self.finer = nn.ModuleList(separable(channels) for _ in steps)
        self.down = nn.ModuleList(separable(channels, 2) for _ in steps)
        self.coarser = nn.ModuleList(separable(channels) for _ in steps)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Levels [B, channels, H, W], from maps in the order of `strides` as told."""
        levels = self._started(maps)
        for at in reversed(range(len(levels) - 1)):
            levels[at] = self.finer[at](levels[at] + resized(levels[at + 1], levels[at]))
        for at in range(len(levels) - 1):
            below = resized(self.down[at](levels[at]), levels[at + 1])
            levels[at + 1] = self.coarser[at](levels[at + 1] + below)
        return levels

    def _started(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Every level, before they know of one another."""
        levels: dict[int, Tensor] = {}
        for at in [*range(self.first, len(self.strides)), *reversed(range(self.first))]:
            here = [
                m for m, stride in zip(maps, self.read, strict=True) if stride == self.strides[at]
            ]
            if here:
                near = torch.cat([resized(each, here[0]) for each in here], 1)
            else:
                near = levels[at + 1] if at < self.first else levels[at - 1]
            levels[at] = self.starts[at](near)
        return [levels[at] for at in range(len(self.strides))]


def level_of(stride: int) -> int:
    """The power of two nearest to a stride, by ratio: 14 counts as 16."""
    return int(2 ** round(math.log2(stride)))
