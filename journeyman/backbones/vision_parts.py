"""A network for pictures as a stem and blocks: what a cut goes between.

The parts are looked up in the network whenever they are run, so that what a tuner puts in a
module's place is what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Block:
    """One layer: `modules` hold its parameters, `run` takes what the layer below puts out."""

    modules: Sequence[nn.Module]
    run: Run

    @classmethod
    def of(cls, *modules: nn.Module) -> Block:
        """The block that runs these modules one after another."""

        def run(x: Tensor) -> Tensor:
            for module in modules:
                x = module(x)
            return x

        return cls(modules, run)


@dataclass(frozen=True)
class VisionParts:
    """`stem` makes of pixels [B, 3, H, W] what the first block takes; `run_stem` gives just that.

    Between blocks there are tokens [B, T, D], patches last, or maps [B, D, H, W].
    """

    stem: nn.Module
    run_stem: Run
    blocks: Sequence[Block]
    patch: int = 0
    """Pixels along a patch's side where there are tokens; 0 where there are maps."""


def flattened(maps: Tensor) -> Tensor:
    """Maps [B, D, H, W] as tokens [B, H * W, D], row by row."""
    return maps.flatten(2).transpose(1, 2)


def unflattened(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Tokens [B, H * W, D] as maps [B, D, H, W]."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)
