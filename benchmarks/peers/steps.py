"""Rows that arrive in steps of new classes, with their frozen features at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers.rows import Part, Rows, collected
from journeyman.backbones.base import Backbone, Features
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.heads.base import Layers
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import FeatureSource


@dataclass(frozen=True)
class Held:
    """Pooled vectors of N rows in memory, {layer: [N, D]}."""

    lengths: NDArray[np.int64]
    vectors: Layers

    def gather(self, indices: Sequence[int] | NDArray[np.int64]) -> Features:
        """The vectors of the rows at `indices`."""
        at = torch.as_tensor(np.asarray(indices, dtype=np.int64))
        return Features(torch.ones(len(at), 1, dtype=torch.bool), pooled=take(self.vectors, at))


@dataclass(frozen=True)
class Steps:
    """Rows to learn from, some of them `held` to choose by, and test rows.

    Classes are numbered in the order they arrive, so the first `ends[t]` of them are known after
    step t.
    """

    learned: Part
    test: Part
    held: Tensor
    ends: tuple[int, ...]
    backbone: Backbone
    cache: FeatureCache

    def span(self, step: int) -> range:
        """The classes that arrive in this step."""
        return range(self.ends[step - 1] if step else 0, self.ends[step])

    @property
    def outputs(self) -> int:
        """How many classes there are in the end."""
        return self.ends[-1]

    @cached_property
    def labels(self) -> Tensor:
        """[N] classes of the rows to learn from."""
        return torch.tensor(self.learned.labels)

    @cached_property
    def truth(self) -> Tensor:
        """[N] classes of the test rows."""
        return torch.tensor(self.test.labels)

    def rows(self, classes: range, *, held: bool) -> Tensor:
        """Which rows to learn from have one of these classes and are held, or are not."""
        known = (self.labels >= classes.start) & (self.labels < classes.stop)
        return torch.nonzero(known & (self.held == held)).flatten()

    @cached_property
    def layers(self) -> Layers:
        """Pooled vectors of the rows to learn from."""
        return self._pooled(self.learned)

    @cached_property
    def test_layers(self) -> Layers:
        """Pooled vectors of the test rows."""
        return self._pooled(self.test)

    def _pooled(self, part: Part) -> Layers:
        inputs = self.backbone.prepare(part.texts)
        depth = self.backbone.spec.depth
        return self.cache.features(self.backbone, inputs, depth, keep_hidden=False).pooled()

    def source(self, part: Part, cut: int) -> FeatureSource:
        """What the frozen layers below the cut make of rows; above all layers, held in memory."""
        inputs = self.backbone.prepare(part.texts)
        if cut == self.backbone.spec.depth:
            return Held(inputs.lengths, self._pooled(part))
        return self.cache.features(self.backbone, inputs, cut, keep_hidden=True)


@lru_cache(maxsize=2)
def in_steps(steps: int, seed: int, *, validation: float, limit: int | None) -> Steps:
    """banking77, its classes in an order drawn by the seed, as evenly as they can be divided."""
    rows = collected("banking77", validation=validation, seed=seed)
    rows = rows if limit is None else rows.limited(limit)
    order = np.random.default_rng(seed).permutation(len(rows.classes))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    train, held, test = (_placed(part, place) for part in _parts(rows))
    sizes = [len(part) for part in np.array_split(order, steps)]
    return Steps(
        learned=train + held,
        test=test,
        held=torch.arange(len(train) + len(held)) >= len(train),
        ends=tuple(np.cumsum(sizes).tolist()),
        backbone=network("minilm-l6"),
        cache=FeatureCache(),
    )


def network(name: str) -> Backbone:
    """A backbone of the catalogue, in bfloat16 below the cut where the processor has it."""
    found = resolve(name)
    about = {"name": found.name, "licence": "", "source": "", "sha256": found.sha256}
    return load_backbone(found.folder, about, {"precision": "auto"})


def take(layers: Layers, which: Tensor) -> Layers:
    """The vectors of these rows."""
    return {layer: vectors[which] for layer, vectors in layers.items()}


def _parts(rows: Rows) -> tuple[Part, Part, Part]:
    return rows.train, rows.validation, rows.test


def _placed(part: Part, place: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Part:
    return Part(part.texts, [int(place[label]) for label in part.labels])
