"""Rows on frozen layers, and the kernel ridge regression by which their targets are doubted.

Shapes: N rows, D width of a layer, C outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.heads.base import HeadOptions, Layers
from journeyman.heads.feature_map import FeatureMap
from journeyman.heads.left_out import LeftOut
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Schema, Task
from journeyman.training.assembly import make_learner
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.loop import Split
from journeyman.training.options import FinetuneOptions
from journeyman.training.parts import Indices
from journeyman.training.solving import solver_rows, solver_targets

PART = 32_768
"""Rows that are doubted together at most; more are in parts of about that size."""
LANDMARKS = 1024
"""Rows that all others are compared with. On noisy labels more were no better."""


@dataclass(frozen=True)
class FrozenRows:
    """N rows: pooled vectors of each layer [N, D], targets [N, C], and the map and penalty that
    answer best for rows that were left out."""

    layers: Layers
    targets: Tensor
    map: FeatureMap
    alpha: float

    def parts(self, seed: int) -> Iterator[tuple[Indices, LeftOut]]:
        """All rows in random parts that fit into memory, each ready to leave any of it out."""
        count = len(self.targets)
        order = np.random.default_rng(seed).permutation(count)
        for part in np.array_split(order, max(-(-count // PART), 1)):
            yield part, self._left_out(part)

    def _left_out(self, rows: Indices) -> LeftOut:
        """The first of these rows, which are in random order, are the landmarks."""
        own = {at: vectors[torch.from_numpy(rows)] for at, vectors in self.layers.items()}
        self.map.place(self.map.stacked({at: part[:LANDMARKS] for at, part in own.items()}))
        features = torch.cat([part for _, part in self.map.chunks(own)])
        return LeftOut.of(features, self.map.kernel(), self.alpha)


def frozen_rows(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    some: Sequence[Examples],
    *,
    head: HeadOptions | None = None,
    metric: str | None = None,
    seed: int,
    cache: FeatureCache,
    reporter: Reporter = QUIET,
) -> FrozenRows:
    """The rows of one or two sets of examples; layers and penalty are chosen by answers to the
    first, each row left out, and by the last where there are two.

    Of a ridge `head`'s options the layers are heeded.
    """
    read: Literal["auto"] | list[int] = head.layers if isinstance(head, RidgeOptions) else "auto"
    ridge = {
        "name": "ridge", "kernel": True, "balance": False, "layers": read, "features": LANDMARKS,
    }  # fmt: skip
    options = FinetuneOptions.model_validate({"tuner": "none", "head": ridge})
    learner = make_learner(task, backbone, schema, options, seed=seed)
    solved = learner.head
    if not isinstance(solved, RidgeHead):
        raise TypeError(f"labels are doubted by the ridge head, not {solved.name!r}")
    features = [
        solver_rows(learner, Split(rows, feature_source(learner, rows, cache, reporter)))
        for rows in some
    ]
    targets = [solver_targets(learner, schema, rows) for rows in some]

    def score(outputs: Tensor) -> float:
        measured = metric or task.primary_metric
        return task.score(list(outputs.numpy()), some[-1].targets, schema, measured)

    solved.choose(features[0], targets[0], features[-1], score, leave_one_out=True)
    if solved.map is None:
        raise RuntimeError("the head has not been solved")
    layers = {at: torch.cat([part[at] for part in features]) for at in features[0]}
    return FrozenRows(layers, torch.cat(targets), solved.map, float(solved.choices["alpha"]))
