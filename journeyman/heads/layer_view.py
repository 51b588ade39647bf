"""Vectors of several layers as one: each at its own length, whole or by cells, projected if long.

Shapes: N rows, D numbers of a layer's vector, F features. The signs of a projection are drawn from
a seed and never saved.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from journeyman.heads.base import HeadShape, Layers

LEAST = 1e-6
"""A length below which a vector says nothing."""


class View:
    """What is read of `layers` side by side: the mean of each of their cells, or of all of them.

    Of more than `most` numbers together, each layer's vector is multiplied by signs, so that it has
    its share of `most`.
    """

    def __init__(
        self, shape: HeadShape, layers: tuple[int, ...], cells: bool, most: int, seed: int
    ) -> None:
        self.layers = layers
        self.seed = seed
        self._cells = {layer: 1 if cells else shape.cells_of(layer) for layer in layers}
        widths = dict(zip(layers, shape.widths_of(layers), strict=True))
        self._widths = {layer: widths[layer] // self._cells[layer] for layer in layers}
        self._shares = dict(self._widths)
        if sum(self._widths.values()) > most:
            self._shares = _shared(self._widths, most)

    @property
    def width(self) -> int:
        """F."""
        return sum(self._shares.values())

    @property
    def projects(self) -> bool:
        """Whether vectors are too long to be taken as they are."""
        return self._shares != self._widths

    def __call__(self, layers: Layers) -> Tensor:
        """[N, F]: the vector of each of L layers at length sqrt(F / L), side by side."""
        return torch.cat(
            [self._seen(layers[layer].float(), layer) for layer in self.layers], dim=-1
        )

    def _seen(self, vectors: Tensor, layer: int) -> Tensor:
        count = self._cells[layer]
        if count > 1:  # The mean of all cells stands for the whole picture.
            vectors = vectors.reshape(*vectors.shape[:-1], count, -1).mean(-2)
        unit = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=LEAST)
        if self.projects:
            unit = unit @ self._signs[layer].to(unit.device) / self._shares[layer] ** 0.5
        scaled: Tensor = unit * (self.width / len(self.layers)) ** 0.5
        return scaled

    @cached_property
    def _signs(self) -> dict[int, Tensor]:
        """{layer: [D, its share]} of 1 and -1."""
        return {
            layer: _signs(self._widths[layer], share, self.seed, layer)
            for layer, share in self._shares.items()
        }


def _shared(widths: dict[int, int], most: int) -> dict[int, int]:
    """`most` in parts, as nearly as widths are to each other; each has one at least."""
    whole, taken, given = sum(widths.values()), 0, 0
    shares = {}
    for layer, width in widths.items():
        taken += width
        share = max(1, taken * most // whole - given)
        shares[layer], given = share, given + share
    return shares


def _signs(rows: int, columns: int, seed: int, layer: int) -> Tensor:
    """[rows, columns] of 1 and -1, by the bits of a generator whose stream never changes."""
    count = rows * columns
    drawn = np.random.PCG64([seed, layer]).random_raw(-(-count // 64))
    bits = np.unpackbits(drawn.astype("<u8").view(np.uint8))[:count].reshape(rows, columns)
    return torch.from_numpy(bits.astype(np.float32) * 2.0 - 1.0)
