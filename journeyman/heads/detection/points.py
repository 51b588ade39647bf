"""The points that boxes are told from: the middle of each cell of each level's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

NEAREST = -0.5
"""The shortest distance that is told, in cells.

Below nought, since a box smaller than a cell may lie wholly to one side of the nearest point.
"""


@dataclass(frozen=True)
class Points:
    """`centres` [P, 2] (x, y) and `cells` [P, 2] (width, height), in pixels; levels one by one.

    `size` is the picture's (width, height) as the finest level tells it, and `finest` how many
    points that level has; they come first.
    """

    centres: Tensor
    cells: Tensor
    size: tuple[float, float]
    finest: int

    def __len__(self) -> int:
        return len(self.centres)

    def to(self, device: torch.device) -> Points:
        """The same on this device."""
        return replace(self, centres=self.centres.to(device), cells=self.cells.to(device))

    def boxes(self, distances: Tensor) -> Tensor:
        """Boxes [B, P, 4] in pixels, from distances in cells to the left, top, right and bottom."""
        return boxes_about(self.centres, self.cells, distances)

    def pixels(self, shares: Tensor) -> Tensor:
        """Boxes [..., 4] in pixels, from shares of the picture."""
        return shares * shares.new_tensor(self.size * 2)

    def shares(self, pixels: Tensor) -> Tensor:
        """Boxes [..., 4] in shares of the picture, from pixels."""
        return pixels / pixels.new_tensor(self.size * 2)


def boxes_about(centres: Tensor, cells: Tensor, distances: Tensor) -> Tensor:
    """x1, y1, x2, y2 from left, top, right, bottom in cells; [..., 2], [..., 2] and [..., 4]."""
    low = centres - distances[..., :2] * cells
    high = centres + distances[..., 2:] * cells
    return torch.cat([low, high], -1)


def distances_to(centres: Tensor, cells: Tensor, boxes: Tensor) -> Tensor:
    """What `boxes_about` would make `boxes` from."""
    low = (centres - boxes[..., :2]) / cells
    high = (boxes[..., 2:] - centres) / cells
    return torch.cat([low, high], -1)


def points_of(grids: Sequence[tuple[int, int]], stride: int, device: torch.device) -> Points:
    """The points of grids (height, width), finest first, whose finest has a cell each `stride`.

    All levels lie over the whole picture, so cells of a level that does not divide it evenly are
    not quite square.
    """
    size = (float(grids[0][1] * stride), float(grids[0][0] * stride))
    parts = [_level(height, width, size, device) for height, width in grids]
    centres, cells = (torch.cat(each) for each in zip(*parts, strict=True))
    return Points(centres, cells, size, grids[0][0] * grids[0][1])


def _level(
    height: int, width: int, size: tuple[float, float], device: torch.device
) -> tuple[Tensor, Tensor]:
    cell = torch.tensor([size[0] / width, size[1] / height], device=device)
    rows, columns = (torch.arange(count, device=device) + 0.5 for count in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    centres = torch.stack([x.flatten(), y.flatten()], -1) * cell
    return centres, cell.expand_as(centres)
