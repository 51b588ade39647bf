"""Training and evaluation mode, of a network whose frozen part never leaves the latter."""

from __future__ import annotations

from functools import cache
from typing import Any

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
    return type(f"Steady{kind.__name__}", (Steady, kind), {})
