"""What a head reads and what it starts from: a feature map, and a source head to stay near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from journeyman.heads.base import Layers
from journeyman.heads.random_features import FeatureMap
from journeyman.heads.ridge import RidgeHead, RidgeOptions
from journeyman.tasks.base import Schema, Task
from journeyman.transfer.start import Start


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
    """The source's own map with its head, where it answers the same question; and plain vectors.

    Plain vectors are of the upper layers, standardised by `layers` of every row at hand: that
    needs no labels.
    """
    found = []
    head = None if start.model is None else start.model.learner.head
    if isinstance(head, RidgeHead) and head.map is not None and start.knows(task, schema):
        found.append(Basis(head.map, head.seed, _prior(head)))
    head, options = start.learner.head, RidgeOptions()
    chosen = upper(sorted(layers), head.shape.width, options.features)
    plain = FeatureMap(chosen, head.shape.width, None, head.seed)
    plain.fit(layers)
    found.append(Basis(plain, head.seed))
    return found


def upper(present: Sequence[int], width: int, most: int) -> tuple[int, ...]:
    """The upper two thirds of the layers, or fewer where they have more than `most` features."""
    count = min((2 * len(present) + 2) // 3, max(most // width, 1))
    return tuple(present[-count:])


def _prior(head: RidgeHead) -> Prior:
    center, deviation = head.target_center.double(), head.target_deviation.double()
    return Prior(
        head.weight.double() / deviation,
        (head.offset.double() - center) / deviation,
        center,
        deviation,
    )
