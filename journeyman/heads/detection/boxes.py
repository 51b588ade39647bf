"""How far boxes overlap: a box is x1, y1, x2, y2 in any one unit, in the last dimension."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TINY = 1e-7
Sides = tuple[Tensor, Tensor]


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """IoU, element by element with broadcasting; 0 where neither box has an area."""
    shared, union, *_ = _areas(first, second)
    return shared / union


def complete_overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Complete IoU: less for centres apart and for other proportions (Zheng et al., 2020).

    In [-1.5, 1]; pixels must be square. A box turned inside out counts as one without area.
    """
    shared, union, sides, others = _areas(first, second)
    plain = shared / union
    corners = torch.minimum(first[..., :2], second[..., :2])
    far = torch.maximum(first[..., 2:], second[..., 2:])
    diagonal = (far - corners).square().sum(-1) + TINY
    apart = first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]
    distance = apart.square().sum(-1) / 4
    angles = [torch.atan(width / (height + TINY)) for width, height in (sides, others)]
    proportion = (4 / math.pi**2) * (angles[0] - angles[1]).square()
    with torch.no_grad():
        weight = proportion / (1 - plain + proportion + TINY)
    return plain - distance / diagonal - weight * proportion


def _areas(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Sides, Sides]:
    """The shared area, the area of both together, and width and height of each box."""
    left, top, right, bottom = first.unbind(-1)
    others = second.unbind(-1)
    width = torch.minimum(right, others[2]) - torch.maximum(left, others[0])
    height = torch.minimum(bottom, others[3]) - torch.maximum(top, others[1])
    shared = width.clamp(min=0) * height.clamp(min=0)
    sides, other_sides = _sides(first), _sides(second)
    union = sides[0] * sides[1] + other_sides[0] * other_sides[1] - shared + TINY
    return shared, union, sides, other_sides


def _sides(boxes: Tensor) -> Sides:
    left, top, right, bottom = boxes.unbind(-1)
    return (right - left).clamp(min=0), (bottom - top).clamp(min=0)
