"""Training and evaluation mode, of a network whose frozen part never leaves the latter."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn


class evaluating:
    """Within, a module and its children are in evaluation mode."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __enter__(self) -> None:
        self._training = [child for child in self.module.modules() if child.training]
        for child in self._training:
            child.training = False

    def __exit__(self, *_: object) -> None:
        for child in self._training:
            child.training = True


class Steady(nn.Module):
    """A layer of running statistics that stays in evaluation mode."""

    def train(self, mode: bool = True) -> Any:
        """Evaluation mode, whatever the mode of the network."""
        return super().train(False)


class SteadyNorm(Steady):
    """Batch normalisation of fixed statistics."""

    def forward(self, x: Tensor) -> Tensor:
        """As the layer it is.

        Of one row it is computed in another way: PyTorch 2.13, on processors, has a wrong gradient
        of it where the layout of what comes back differs from that of what went in
        (`docs/lab-notes.md`).
        """
        norm: Any = self
        if len(x) > 1 or not torch.is_grad_enabled() or not norm.affine:
            return cast(Tensor, super().forward(x))
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        shift = norm.bias - norm.running_mean * scale
        spread = (-1, *(1 for _ in x.shape[2:]))
        found: Tensor = (x * scale.view(spread) + shift.view(spread)).to(x.dtype)
        return found


def hold_statistics(module: nn.Module) -> None:
    """Keep every layer of running statistics (batch normalisation) as it was pretrained."""
    for layer in module.modules():
        if isinstance(getattr(layer, "running_mean", None), Tensor):
            kind: Any = type(layer)
            if not issubclass(kind, Steady):
                layer.__class__ = _steady(kind)
            layer.train(False)


@cache
def _steady(kind: Any) -> Any:
    base = SteadyNorm if issubclass(kind, nn.modules.batchnorm._BatchNorm) else Steady
    return type(f"Steady{kind.__name__}", (base, kind), {})
