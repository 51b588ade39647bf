"""What a head reads and what it starts from: a feature map, and a source head to stay near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from journeyman.heads.base import HeadShape, Layers
from journeyman.heads.feature_map import FeatureMap
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions
from journeyman.tasks.base import Schema, Task
from journeyman.transfer.ridge_path import RidgePath
from journeyman.transfer.start import Start

FOLLOWED = 1e-2
"""Penalty of the plain head that follows a kernel's, relative to the mean spread of directions."""


@dataclass(frozen=True)
class Prior:
    """A head already solved on the same map: outputs are features @ weight [F, C] + offset [C].

    Both are on the scale of standardised targets, whose `center` and `deviation` [C] are kept.
    """

    weight: Tensor
    offset: Tensor
    center: Tensor
    deviation: Tensor


@dataclass(frozen=True)
class Basis:
    """Features that a ridge head may be solved on; its `prior` is what few rows do not undo."""

    map: FeatureMap
    seed: int
    prior: Prior | None = None

    def features(self, layers: Layers) -> Tensor:
        """[N, F] of pooled vectors."""
        return torch.cat([part for _, part in self.map.chunks(layers)])

    @property
    def name(self) -> str:
        """In words."""
        layers = f"layers {self.map.layers[0]} to {self.map.layers[-1]}"
        return layers if self.prior is None else f"{layers}, near the source's head"


def bases(start: Start, layers: Layers, task: Task, schema: Schema) -> list[Basis]:
    """Plain vectors, and beside them what stays near the source's head on the same question.

    Plain vectors are of the upper layers, standardised by `layers` of every row at hand: that
    needs no labels. A source's head on plain vectors lends its own map; a kernel's answers to the
    rows at hand are met on theirs by the closest plain head.
    """
    head, options = start.learner.head, RidgeOptions()
    chosen = upper(sorted(layers), head.shape, options.features)
    plain = FeatureMap(chosen, head.shape.widths_of(chosen), None)
    plain.fit(layers)
    found = [Basis(plain, head.seed)]
    source = None if start.model is None else start.model.learner.head
    if isinstance(source, RidgeHead) and source.map is not None and start.knows(task, schema):
        near = (
            Basis(source.map, source.seed, _prior(source))
            if source.map.landmarks is None
            else Basis(plain, source.seed, followed(source, found[0].features(layers), layers))
        )
        found.insert(0, near)
    return found


def upper(present: Sequence[int], shape: HeadShape, most: int) -> tuple[int, ...]:
    """The upper two thirds of the layers, or fewer where they have more than `most` features."""
    count = (2 * len(present) + 2) // 3
    while count > 1 and shape.stacked(present[-count:]) > most:
        count -= 1
    return tuple(present[-count:])


def _prior(head: RidgeHead) -> Prior:
    center, deviation = head.target_center.double(), head.target_deviation.double()
    return Prior(
        head.weight.double() / deviation,
        (head.offset.double() - center) / deviation,
        center,
        deviation,
    )


def followed(head: RidgeHead, rows: Tensor, layers: Layers) -> Prior:
    """The plain head on `rows` [N, F] that answers most nearly as `head` does on their layers."""
    center, deviation = head.target_center.double(), head.target_deviation.double()
    path = RidgePath(rows)
    answers = (head.outputs(layers).double() - center) / deviation
    return Prior(*path.solve(answers, FOLLOWED * path.scale), center, deviation)
