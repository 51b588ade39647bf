"""How a row lies in a shard: hidden states as they are, or with its maps in one line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Backbone, Features

Shape = tuple[int, int, int]
"""D, height and width of a map."""


@dataclass(frozen=True)
class Packing:
    """What is kept of each row beside its pooled vectors.

    `hidden` says whether hidden states at the cut are, `width` is their D, `maps` {layer: shape}.
    With maps, every row has as many positions, and all its numbers lie in one line.
    """

    hidden: bool
    width: int
    maps: Mapping[int, Shape]

    @classmethod
    def of(cls, backbone: Backbone, cut: int, keep_hidden: bool) -> Packing:
        """Of these layers; the map at the cut is not kept beside hidden states, which hold it."""
        layers = [at for at in backbone.mapped_at(cut) if at < cut or not keep_hidden]
        shapes = {layer: _shape(backbone, layer) for layer in layers}
        return cls(keep_hidden, backbone.width_at(cut), shapes)

    @property
    def any(self) -> bool:
        """Whether anything is kept beside pooled vectors."""
        return self.hidden or bool(self.maps)

    @property
    def said(self) -> str:
        """What tells rows of maps with hidden states from those without; "" where no maps are."""
        return " hidden" * self.hidden if self.maps else ""

    def numbers(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """[N]: how many numbers are kept of rows with so many positions each at the cut."""
        of_maps = sum(map(math.prod, self.maps.values()))
        return positions * self.width * self.hidden + of_maps

    def lines(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """[N]: how many lines of a shard each row takes, or would take."""
        return self.numbers(positions) if self.maps else positions

    def packed(self, features: Features, at: int, positions: int) -> NDArray[np.float32] | int:
        """The lines of row `at`: [T, D], or [numbers, 1] with maps; just T where none are kept."""
        if not self.maps:
            hidden = features.hidden if self.hidden else None
            return positions if hidden is None else hidden[at, :positions].numpy().copy()
        parts = [features.maps[layer][at].reshape(-1) for layer in self.maps]
        if self.hidden and features.hidden is not None:
            parts.append(features.hidden[at].reshape(-1))
        return torch.cat(parts).unsqueeze(1).numpy()

    def maps_of(self, lines: Tensor) -> dict[int, Tensor]:
        """{layer: [B, D, H, W]} of rows [B, numbers]."""
        sizes = [math.prod(shape) for shape in self.maps.values()]
        parts = torch.split(lines[:, : sum(sizes)], sizes, dim=1)
        return {
            layer: part.reshape(-1, *shape)
            for (layer, shape), part in zip(self.maps.items(), parts, strict=True)
        }

    def hidden_of(self, lines: Tensor) -> Tensor | None:
        """[B, T, D] of rows [B, numbers] with maps; None where hidden states are not kept."""
        if not self.hidden:
            return None
        start = sum(math.prod(shape) for shape in self.maps.values())
        return lines[:, start:].reshape(len(lines), -1, self.width)


def _shape(backbone: Backbone, layer: int) -> Shape:
    height, width = backbone.grid_at(layer) or (1, 1)
    return backbone.width_at(layer), height, width
