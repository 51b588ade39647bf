"""The fixed map from pooled vectors to the features a ridge head is solved on.

Shapes: N rows, D width, L layers, F features. The map is chosen once, from training data, and
never changes after: so sums over its features stay valid as rows come and go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from journeyman.heads.base import Layers

CHUNK = 1024
"""Rows that go through the map at once when sums are taken. Always this many (padded): a matrix
product may round differently for another shape, and removing a row must meet its very bits."""
KEPT_BYTES = 512 << 20
"""Features up to here are kept where they are asked for again and again; beyond, made again."""
BIAS = 0.3
"""Deviation of the bias, beside pre-activations of about unit variance."""


class FeatureMap(nn.Module):
    """Standardises [N, L*D], and leaves it so, or makes random ReLU features of it.

    Random features are `relu(z @ projection + bias)` with Gaussian projection and bias (Rahimi
    and Recht 2008; the ReLU kernel: Cho and Saul 2009), where z is standardised from each
    layer's vector at unit length, its logarithmic length beside it. Projection and bias are
    drawn from `seed` anew, never stored; `digest` tells whether they came out the same.
    """

    mean: Tensor
    deviation: Tensor
    projection: Tensor | None
    bias: Tensor | None

    def __init__(
        self, layers: tuple[int, ...], width: int, features: int | None, seed: int
    ) -> None:
        super().__init__()
        self.layers = layers
        self.width = width
        size = len(layers) * (width if features is None else width + 1)
        self.features = size if features is None else features
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        drawn = (None, None) if features is None else _draw(size, features, seed)
        self.register_buffer("projection", drawn[0], persistent=False)
        self.register_buffer("bias", drawn[1], persistent=False)

    def fit(self, layers: Layers) -> None:
        """Take mean and deviation of each column from training data."""
        total = torch.zeros(len(self.mean), dtype=torch.float64)
        square = torch.zeros_like(total)
        count = len(layers[self.layers[0]])
        for first in range(0, count, CHUNK):
            exact = self._shaped(self._stacked(layers, slice(first, first + CHUNK))).double()
            total += exact.sum(0)
            square += exact.square().sum(0)
        mean = total / count
        deviation = (square / count - mean.square()).clamp(min=0.0).sqrt()
        floor = 1e-6 * (mean.abs() + 1.0)
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > floor, deviation, 1.0))

    def forward(self, stacked: Tensor) -> Tensor:
        """Features [..., F] of `stacked` [..., L*D]."""
        standard = (self._shaped(stacked.to(self.mean.dtype)) - self.mean) / self.deviation
        if self.projection is None or self.bias is None:
            return standard
        return torch.relu(standard @ self.projection + self.bias)

    def chunks(self, layers: Layers) -> Iterator[tuple[slice, Tensor]]:
        """Features of all rows, a chunk at a time, each row's bits whatever its neighbours."""
        rows = len(layers[self.layers[0]])
        with torch.no_grad():
            for first in range(0, rows, CHUNK):
                span = slice(first, min(first + CHUNK, rows))
                stacked = self._stacked(layers, span)
                kept = len(stacked)
                padded = nn.functional.pad(stacked, (0, 0, 0, CHUNK - kept))
                yield span, self(padded)[:kept]

    def kept_chunks(self, layers: Layers) -> Callable[[], Iterable[Tensor]]:
        """Features of all rows as often as they are asked for, in one piece where they are few."""
        if 4 * self.features * len(layers[self.layers[0]]) > KEPT_BYTES:
            return lambda: (part for _, part in self.chunks(layers))
        kept = torch.cat([part for _, part in self.chunks(layers)])
        return lambda: [kept]

    def digest(self) -> str:
        """A short hash of what was drawn; empty where nothing was."""
        if self.projection is None or self.bias is None:
            return ""
        drawn = hashlib.sha256(self.projection.cpu().numpy().tobytes())
        drawn.update(self.bias.cpu().numpy().tobytes())
        return drawn.hexdigest()[:12]

    def _stacked(self, layers: Layers, span: slice) -> Tensor:
        return torch.cat([layers[layer][span].float() for layer in self.layers], dim=1)

    def _shaped(self, stacked: Tensor) -> Tensor:
        """Each layer's vector at length sqrt(D) with its log length; untouched where linear."""
        if self.projection is None:
            return stacked
        vectors = stacked.reshape(*stacked.shape[:-1], len(self.layers), self.width)
        length = vectors.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        unit = vectors / length * self.width**0.5
        return torch.cat([unit, length.log()], dim=-1).flatten(-2)


def _draw(size: int, features: int, seed: int) -> tuple[Tensor, Tensor]:
    """Projection [size, features] and bias [features], for pre-activations near unit variance."""
    random = np.random.Generator(np.random.Philox(seed))
    projection = random.standard_normal((size, features), dtype=np.float32)
    bias = np.float32(BIAS) * random.standard_normal(features, dtype=np.float32)
    projection /= np.float32(size**0.5)
    return _aligned(projection), _aligned(bias)


def _aligned(values: NDArray[np.float32]) -> Tensor:
    """A copy in torch's own memory; products may round differently from another alignment."""
    return torch.from_numpy(values).clone()
