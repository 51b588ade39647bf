"""The map from pooled vectors to the features a ridge head is solved on.

Shapes: N rows, L layers, S the sum of their widths, F features. The map is chosen once, from
training data; after that only landmarks leave it, with the rows they are of. So sums over its
features stay valid as rows come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from journeyman.backbones.scratch import scratch
from journeyman.heads.base import Layers
from journeyman.heads.relu_kernel import relu_kernel

CHUNK = 1024
"""Rows that go through the map at once when sums are taken. Always this many (padded): a matrix
product may round differently for another shape, and removing a row must meet its very bits."""
KEPT_BYTES = 512 << 20
"""Features up to here are kept where they are asked for again and again, many of them mapped from
disk; beyond, made again."""
BIAS = 0.3
"""Length of the entry that every vector has in common, beside about unit length."""
SAME = 1e-5
"""What the cosine of a row with itself may lack, kept in half precision."""
JITTER = 1e-5
"""Added to the diagonal of the landmarks' kernel, relative to its mean."""


class FeatureMap(nn.Module):
    """Standardises [N, S], and leaves it so, or takes its kernel with F landmarks.

    Kernel features are of the ReLU kernel between a row and some of the training rows, each layer's
    vector at unit length with its logarithmic length beside it, standardised. Ridge regression on
    them, its weights w [F] penalised by `w @ penalty() @ w`, is kernel ridge regression where the
    landmarks are all training rows, and else its Nyström approximation (Williams and Seeger 2001,
    Rudi et al. 2015). With as many random ReLU features of the same kernel (Rahimi and Recht 2008)
    the error is larger.
    """

    mean: Tensor
    deviation: Tensor
    landmarks: Tensor | None

    def __init__(
        self, layers: tuple[int, ...], widths: Sequence[int], landmarks: int | None
    ) -> None:
        super().__init__()
        self.layers = layers
        self.widths = tuple(widths)
        stacked = sum(self.widths)
        size = stacked + (0 if landmarks is None else len(layers))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        kept = None if landmarks is None else torch.zeros(landmarks, stacked, dtype=torch.float16)
        self.register_buffer("landmarks", kept)
        self._ready: Tensor | None = None
        self._units: Tensor | None = None

    @property
    def features(self) -> int:
        """F."""
        return len(self.mean) if self.landmarks is None else len(self.landmarks)

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
        """Features [..., F] of `stacked` [..., S]."""
        standard = self._standard(stacked.to(self.mean.dtype))
        if self.landmarks is None:
            return standard
        return relu_kernel(self._placed(standard), self._compared())

    def place(self, landmarks: Tensor) -> None:
        """Compare with these rows [F, S] from now on."""
        self.landmarks, self._ready, self._units = landmarks.half(), None, None

    def nearest(self, layers: Layers, *, own: bool = False) -> Tensor | None:
        """[N]: the cosine of each row with the landmark most like it, the mean over layers.

        With `own` a landmark that is the row itself is passed over, once. None without landmarks.
        """
        if self.landmarks is None:
            return None
        with torch.no_grad():
            return self._nearest(layers, own)

    def _nearest(self, layers: Layers, own: bool) -> Tensor:
        if self._units is None or self._units.device != self.mean.device:
            self._units = self._directions(self.rows().to(self.mean.dtype))
        passed, found = own and len(self._units) > 1, []
        for first in range(0, len(layers[self.layers[0]]), CHUNK):
            stacked = self._stacked(layers, slice(first, first + CHUNK)).to(self._units)
            cosines = (self._directions(stacked) @ self._units.T).topk(1 + passed, dim=1).values
            itself = (cosines[:, 0] > 1.0 - SAME) & passed
            found.append(torch.where(itself, cosines[:, -1], cosines[:, 0]))
        return torch.cat(found) if found else torch.zeros(0)

    def rows(self) -> Tensor:
        """The landmarks [F, S]; ValueError where vectors are taken as they are."""
        if self.landmarks is None:
            raise ValueError("a map of plain vectors has no landmarks")
        return self.landmarks

    def kernel(self) -> Tensor:
        """The landmarks' kernel with each other [F, F], in float64, symmetric to the last bit."""
        landmarks = self.rows()
        found = torch.empty(len(landmarks), len(landmarks), dtype=torch.float64)
        with torch.no_grad():
            placed = self._compared()
            for first in range(0, len(landmarks), CHUNK):
                span = slice(first, first + CHUNK)
                found[span, : first + CHUNK] = relu_kernel(placed[span], placed[: first + CHUNK])
                found[:first, span] = found[span, :first].T
                corner = found[span, span].tril()
                found[span, span] = corner + corner.tril(-1).T
        found.diagonal().mul_(1.0 + JITTER)
        return found

    def penalty(self) -> Tensor | None:
        """What weights of its features are penalised by: the kernel, or None for their squares."""
        return None if self.landmarks is None else self.kernel()

    def forget(self, layers: Layers) -> Tensor:
        """Drop the landmarks that are among these rows; the places of those that stay."""
        if self.landmarks is None:
            return torch.arange(self.features)
        gone = {row.tobytes() for row in self.stacked(layers).cpu().numpy()}
        here = [row.tobytes() for row in self.landmarks.cpu().numpy()]
        kept = torch.tensor(
            [at for at, row in enumerate(here) if row not in gone], dtype=torch.long
        )
        if len(kept) < self.features:
            self.place(self.landmarks[kept])
        return kept

    def stacked(self, layers: Layers) -> Tensor:
        """Rows [N, S] as landmarks are kept."""
        return torch.cat([layers[layer].half() for layer in self.layers], dim=1)

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
        kept = scratch(len(layers[self.layers[0]]), self.features)
        for span, part in self.chunks(layers):
            kept[span] = part
        return lambda: [kept]

    def _compared(self) -> Tensor:
        """The landmarks, ready to be compared with."""
        if self._ready is None or self._ready.device != self.mean.device:
            self._ready = self._placed(self._standard(self.rows().to(self.mean.dtype)))
        return self._ready

    def _directions(self, stacked: Tensor) -> Tensor:
        """[N, S] whose products are the mean cosine over layers."""
        parts = torch.split(stacked, list(self.widths), -1)
        joined: Tensor = torch.cat([nn.functional.normalize(part, dim=-1) for part in parts], -1)
        joined /= len(parts) ** 0.5
        return joined

    def _stacked(self, layers: Layers, span: slice) -> Tensor:
        return torch.cat([layers[layer][span].float() for layer in self.layers], dim=1)

    def _standard(self, stacked: Tensor) -> Tensor:
        return (self._shaped(stacked) - self.mean) / self.deviation

    def _shaped(self, stacked: Tensor) -> Tensor:
        """Each layer's vector at length sqrt(D) with its log length; untouched where linear."""
        if self.landmarks is None:
            return stacked
        parts: list[Tensor] = []
        for vectors in torch.split(stacked, list(self.widths), -1):
            length = vectors.norm(dim=-1, keepdim=True).clamp(min=1e-6)
            parts += [vectors / length * vectors.shape[-1] ** 0.5, length.log()]
        return torch.cat(parts, dim=-1)

    def _placed(self, standard: Tensor) -> Tensor:
        """Vectors of about unit length, and the entry that all have in common."""
        return nn.functional.pad(standard / len(self.mean) ** 0.5, (0, 1), value=BIAS)
