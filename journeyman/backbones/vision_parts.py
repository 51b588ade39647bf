"""A network for pictures as a stem and blocks: what a cut goes between.

The parts are looked up in the network whenever they are run, so that what a tuner puts in a
module's place is what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

Run = Callable[[Tensor], Tensor]
RunMaps = Callable[[list[Tensor]], Tensor]


@dataclass(frozen=True)
class Block:
    """One layer: `modules` hold its parameters, `run` takes what the layer below puts out.

    One that `joins` layers takes their maps in a list. One with a `stride` puts out tokens whose
    last are the patches of a map, so many pixels apart.
    """

    modules: Sequence[nn.Module]
    run: Run | RunMaps
    joins: tuple[int, ...] = ()
    stride: int = 0

    @classmethod
    def of(cls, *modules: nn.Module) -> Block:
        """The block that runs these modules one after another."""

        def run(x: Tensor) -> Tensor:
            for module in modules:
                x = module(x)
            return x

        return cls(modules, run)

    def of_maps(self, x: Tensor, maps: Mapping[int, Tensor]) -> Tensor:
        """What it puts out, of what the layer below does or of those of `maps` that it joins."""
        if self.joins:
            return cast(RunMaps, self.run)([maps[layer] for layer in self.joins])
        return cast(Run, self.run)(x)


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

    def tokens_at(self, cut: int) -> bool:
        """Whether tokens leave the layer below the cut, not a map."""
        return bool(self.patch or (cut and self.blocks[cut - 1].stride))


def flattened(maps: Tensor) -> Tensor:
    """Maps [B, D, H, W] as tokens [B, H * W, D], row by row."""
    return maps.flatten(2).transpose(1, 2)


def unflattened(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Tokens [B, H * W, D] as maps [B, D, H, W]."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)
