"""The fixed map from pooled vectors to the features a ridge head is solved on.

Shapes: N rows, D width, L layers, F features. The map is chosen once, from training data, and
never changes after: so sums over its features stay valid as rows come and go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from journeyman.heads.base import Layers

CHUNK = 1024
"""Rows that go through the map at once when sums are taken. Always this many (padded): a matrix
product may round differently for another shape, and removing a row must meet its very bits."""


class FeatureMap(nn.Module):
    """Standardises [N, L*D], then leaves it, or passes it through random ReLU features.

    Random features are `relu(z @ projection + bias)` with Gaussian projection and bias (Rahimi
    and Recht 2008; the ReLU kernel: Cho and Saul 2009). Both are drawn from `seed` anew, never
    stored; `digest` tells whether they came out the same.
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
        size = len(layers) * width
        self.features = size if features is None else features
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        drawn = (None, None) if features is None else _draw(size, features, seed)
        self.register_buffer("projection", drawn[0], persistent=False)
        self.register_buffer("bias", drawn[1], persistent=False)

    def fit(self, layers: Layers) -> None:
        """Take mean and deviation of each column from training data."""
        for place, layer in enumerate(self.layers):
            values = layers[layer]
            width = values.shape[1]
            span = slice(place * width, (place + 1) * width)
            mean, deviation = _moments(values)
            self.mean[span] = mean
            self.deviation[span] = deviation

    def forward(self, stacked: Tensor) -> Tensor:
        """Features [..., F] of `stacked` [..., L*D]."""
        standard = (stacked.to(self.mean.dtype) - self.mean) / self.deviation
        if self.projection is None or self.bias is None:
            return standard
        return torch.relu(standard @ self.projection + self.bias)

    def chunks(self, layers: Layers) -> Iterator[tuple[slice, Tensor]]:
        """Features of all rows, a chunk at a time, each row's bits whatever its neighbours."""
        rows = len(layers[self.layers[0]])
        with torch.no_grad():
            for first in range(0, rows, CHUNK):
                span = slice(first, min(first + CHUNK, rows))
                stacked = torch.cat([layers[layer][span].float() for layer in self.layers], dim=1)
                kept = len(stacked)
                padded = nn.functional.pad(stacked, (0, 0, 0, CHUNK - kept))
                yield span, self(padded)[:kept]

    def digest(self) -> str:
        """A short hash of what was drawn; empty where nothing was."""
        if self.projection is None or self.bias is None:
            return ""
        drawn = hashlib.sha256(self.projection.cpu().numpy().tobytes())
        drawn.update(self.bias.cpu().numpy().tobytes())
        return drawn.hexdigest()[:12]


def _draw(size: int, features: int, seed: int) -> tuple[Tensor, Tensor]:
    """Projection [size, features] and bias [features]; pre-activations have variance two."""
    random = np.random.Generator(np.random.Philox(seed))
    projection = random.standard_normal((size, features), dtype=np.float32)
    bias = random.standard_normal(features, dtype=np.float32)
    projection /= np.float32(size**0.5)
    return _aligned(projection), _aligned(bias)


def _aligned(values: NDArray[np.float32]) -> Tensor:
    """A copy in torch's own memory; products may round differently from another alignment."""
    return torch.from_numpy(values).clone()


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each column, in float64 a chunk at a time."""
    total = torch.zeros(values.shape[1], dtype=torch.float64)
    square = torch.zeros_like(total)
    for first in range(0, len(values), CHUNK):
        exact = values[first : first + CHUNK].double()
        total += exact.sum(0)
        square += exact.square().sum(0)
    mean = total / len(values)
    variance = (square / len(values) - mean.square()).clamp(min=0.0)
    deviation = variance.sqrt()
    floor = 1e-6 * (mean.abs() + 1.0)
    return mean.float(), torch.where(deviation > floor, deviation, 1.0).float()
