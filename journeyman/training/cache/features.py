"""Features of chosen rows where they lie on disk, given back a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Features
from journeyman.training.cache.index import Entry
from journeyman.training.cache.packing import Packing
from journeyman.training.cache.shards import Shard


@dataclass
class CachedFeatures:
    """Features of N rows, on disk, given back a batch at a time in float32.

    Of each row it holds in `places` [N, 3] the shard (by its number in `names`), the position
    there, and where its tokens start; of each layer its width in `widths`. It holds on to its
    `shards`, so they stay readable when the cache in `folder` evicts them.
    """

    lengths: NDArray[np.int64]
    widths: Mapping[int, int]
    places: NDArray[np.int64]
    names: tuple[str, ...]
    shards: dict[str, Shard] = field(repr=False)
    folder: Path
    packing: Packing
    grid: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.places)

    def gather(self, indices: Sequence[int] | NDArray[np.int64]) -> Features:
        """The features of the rows at `indices`, padded to the longest."""
        rows = np.asarray(indices, dtype=np.int64)
        lengths, packing = self.lengths[rows], self.packing
        mask = torch.from_numpy(np.arange(lengths.max(initial=0)) < lengths[:, None])
        features = Features(mask=mask, pooled=self._by_layer(rows), grid=self.grid)
        lines = self._lines(rows, packing.lines(lengths)) if packing.any else None
        if lines is None or not packing.maps:
            return replace(features, hidden=lines)
        flat = lines.flatten(1)
        return replace(features, hidden=packing.hidden_of(flat), maps=packing.maps_of(flat))

    def pooled(self) -> dict[int, Tensor]:
        """Every row's pooled vectors, {layer: [N, D]}."""
        vectors = self._by_layer(np.arange(len(self)))
        return {layer: part.contiguous() for layer, part in vectors.items()}

    def _by_layer(self, rows: NDArray[np.int64]) -> dict[int, Tensor]:
        parts = torch.split(torch.from_numpy(self._pooled(rows)), list(self.widths.values()), dim=1)
        return dict(zip(self.widths, parts, strict=True))

    def _pooled(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        out = np.empty((len(rows), sum(self.widths.values())), dtype=np.float32)
        for line, (shard, position, _) in zip(out, self.places[rows].tolist(), strict=True):
            line[...] = self.shards[self.names[shard]].pooled[position]
        return out

    def _lines(self, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> Tensor | None:
        """[B, lines, D]: what lies in the shards of each row, padded to the longest."""
        places = self.places[rows].tolist()
        parts = [self.shards[self.names[shard]].hidden for shard, _, _ in places]
        if not parts or parts[0] is None:
            return None
        out = np.zeros((len(rows), int(lengths.max()), parts[0].shape[1]), dtype=np.float32)
        for line, (_, _, start), length, part in zip(out, places, lengths, parts, strict=True):
            if part is not None:
                line[:length] = part[start : start + length]
        return torch.from_numpy(out)


def places_of(
    keys: Sequence[bytes], found: Mapping[bytes, Entry], names: Sequence[str]
) -> NDArray[np.int64]:
    """[N, 3]: of each row the number of its shard, its position there, its first token."""
    numbers = {name: at for at, name in enumerate(names)}
    places = np.empty((len(keys), 3), dtype=np.int64)
    for line, key in zip(places, keys, strict=True):
        entry = found[key]
        line[:] = numbers[entry.shard], entry.position, entry.start
    return places
