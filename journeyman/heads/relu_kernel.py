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


def relu_kernel(rows: Tensor, others: Tensor) -> Tensor:
    """The kernel [..., F] of `rows` [..., D] with `others` [F, D], in their precision."""
    lengths = rows.norm(dim=-1, keepdim=True), others.norm(dim=-1)
    scale = lengths[0] * lengths[1]
    cosine = (rows @ others.T / scale.clamp(min=torch.finfo(rows.dtype).tiny)).clamp(-1.0, 1.0)
    product: Tensor = scale * _Angular.apply(cosine)  # type: ignore[no-untyped-call]
    return product


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
