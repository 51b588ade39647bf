"""The ReLU kernel: what infinitely many random ReLU features have for a product.

Of vectors u and v it is `|u| |v| J(cos)`, with `J(c) = (sqrt(1 - c*c) + (pi - acos c) * c) / 2 pi`:
the mean of `relu(w @ u) * relu(w @ v)` over Gaussian w (Cho and Saul 2009, the arc-cosine kernel of
degree one).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

TILE = 256, 1024
"""Rows and others that are computed together: what they take stays in the processor's cache."""


def relu_kernel(rows: Tensor, others: Tensor) -> Tensor:
    """The kernel [..., F] of `rows` [..., D] with `others` [F, D], in their precision."""
    if rows.dim() == 2 and not (torch.is_grad_enabled() and rows.requires_grad):
        return _in_tiles(rows, others)
    lengths = rows.norm(dim=-1, keepdim=True), others.norm(dim=-1)
    scale = lengths[0] * lengths[1]
    cosine = (rows @ others.T / scale.clamp(min=torch.finfo(rows.dtype).tiny)).clamp(-1.0, 1.0)
    product: Tensor = scale * _Angular.apply(cosine)  # type: ignore[no-untyped-call]
    return product


def _in_tiles(rows: Tensor, others: Tensor) -> Tensor:
    """The same, where no gradient is asked for: in place, and a tile at a time."""
    (left, height), (right, width) = _directions(rows), _directions(others)
    height = height / (2.0 * math.pi)
    product = rows.new_empty(len(rows), len(others))
    for top in range(0, len(rows), TILE[0]):
        down = slice(top, top + TILE[0])
        for first in range(0, len(others), TILE[1]):
            across = slice(first, first + TILE[1])
            cosine = (left[down] @ right[across].T).clamp_(-1.0, 1.0)
            tile = cosine.square().neg_().add_(1.0).sqrt_()
            tile.addcmul_(cosine.acos().neg_().add_(math.pi), cosine)
            product[down, across] = tile.mul_(width[across, 0]).mul_(height[down])
    return product


def _directions(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows [N, D] at unit length, and their lengths [N, 1]."""
    lengths = rows.norm(dim=-1, keepdim=True)
    return rows / lengths.clamp(min=torch.finfo(rows.dtype).tiny), lengths


class _Angular(torch.autograd.Function):
    """J, whose slope is (pi - acos c) / 2 pi also where those of its terms are infinite."""

    @staticmethod
    def forward(ctx: Any, cosine: Tensor) -> Tensor:
        rest = math.pi - torch.acos(cosine)
        ctx.save_for_backward(rest)
        sine = (1.0 - cosine.square()).clamp(min=0.0).sqrt()
        return torch.addcmul(sine, rest, cosine).div_(2.0 * math.pi)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        rest: Tensor = ctx.saved_tensors[0]
        return gradients[0] * rest / (2.0 * math.pi)
