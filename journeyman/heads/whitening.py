"""Vectors whose angles tell people apart, solved: what varies within a person counts for less.

Shapes: N rows, F features (the vectors of several layers side by side), C classes. The scatter of
rows about their class means says in which directions pictures of one person differ. Rows are
mapped so that this scatter becomes a sphere; cosines of mapped rows then weigh a difference by how
little it says of the light and the pose. That map is what linear discriminants share (Fisher,
1936), without the projection on the few directions in which the classes learned from differ:
those who come later differ in others (Hatch, Kajarekar and Stolcke, 2006, "Within-class covariance
normalization for SVM-based speaker recognition"). The scatter is drawn towards a sphere
(Friedman, 1989, "Regularized discriminant analysis"), since it has more numbers than there are
rows. All follows from sums, which rows may join and leave. Vectors longer than the head may take
are multiplied by signs drawn from its seed, each layer's by its own, which keeps lengths and angles
nearly (Achlioptas, 2003, "Database-friendly random projections").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from journeyman.backbones.base import Features
from journeyman.heads.base import (
    HEADS,
    HeadOptions,
    HeadShape,
    Layers,
    SolveReport,
    check_layers,
)
from journeyman.heads.class_means import ClassMeans, check_shrinkage
from journeyman.heads.gram import GramHead
from journeyman.heads.layer_view import View
from journeyman.heads.statistics import RidgeStatistics
from journeyman.heads.whitening_search import USUAL, Candidate, LeftOut, Tried, candidates


class WhiteningOptions(HeadOptions):
    """What a recipe may say of the whitening head."""

    layers: Literal["auto"] | tuple[int, ...] = Field(
        "auto",
        description="Layers whose pooled vectors it reads, side by side; `auto` compares the last "
        "one with the upper half and the upper two thirds of those below it.",
    )
    cells: Literal["auto"] | bool = Field(
        "auto",
        description="Whether it reads the mean of each cell, where `backbone.cells` has them, or "
        "of the whole picture; `auto` compares both, by people left out in turn.",
    )
    shrinkage: Literal["auto"] | float = Field(
        "auto",
        description="How far the scatter within classes is drawn towards a sphere, above 0 to 1; "
        "`auto` tries a few, by people left out in turn.",
    )
    features: int = Field(
        2048,
        ge=1,
        le=32_768,
        description="Numbers of the layers' vectors together, at most; longer ones are projected "
        "on as many directions, drawn from the seed.",
    )


@HEADS.register("whitening")
class WhiteningHead(GramHead):
    """Unit vectors of several layers, centred and mapped so that classes scatter as a sphere."""

    name = "whitening"
    units = ("row",)
    kinds = ("identity",)
    stand_in = "arcface"
    leaves_out = "class"
    Options = WhiteningOptions
    options: WhiteningOptions
    weight: Tensor
    center: Tensor

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        check_shrinkage(self.name, self.options.shrinkage)
        if self.options.layers != "auto":
            check_layers(self.name, self.options.layers, shape.layers)
        self.view: View | None = None
        self.register_buffer("weight", torch.zeros(0, 0))
        self.register_buffer("center", torch.zeros(0))

    @property
    def output_width(self) -> int:
        """F: the map loses nothing."""
        return len(self.center)

    @property
    def features(self) -> int:
        """The width of its layers side by side."""
        return len(self.center)

    def forward(self, features: Features) -> Tensor:
        """Vectors [B, F] of length 1."""
        return self.outputs(dict(features.pooled))

    def outputs(self, layers: Layers) -> Tensor:
        """[N, F] of rows whose layers are at hand."""
        mapped = (self._seen(layers) - self.center) @ self.weight
        return torch.nn.functional.normalize(mapped, dim=-1)

    def solve(
        self,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        score: Callable[[Tensor], float],
        *,
        leave_one_out: bool,
    ) -> SolveReport:
        """Choose layers and shrinkage, and solve; see `SolvedHead.solve`.

        With `leave_one_out` people are left out a few at a time, and what is compared is the equal
        error rate among those left out.
        """
        options = self.options
        found = candidates(
            self.shape, sorted(train), options.layers, options.shrinkage, options.cells
        )
        people = LeftOut(targets, self.seed, self.views) if leave_one_out else None
        tried = [] if people is None else people.tried(train, found, self._view)
        if not tried and bool(len(next(iter(validation.values())))):
            tried = [Tried(each, self._judged(each, train, targets, validation, score))
                     for each in found]  # fmt: skip
        usual = min(found, key=lambda each: (-len(each.layers), abs(each.shrinkage - USUAL)))
        best = max(tried, key=lambda each: each.order) if tried else Tried(usual, 0.0)
        self._adopt(best.candidate)
        self.pairs = None if people is None else people.pairs(train, best.candidate, self._view)
        self.add(train, targets)
        self.resolve()
        return SolveReport(dict(self.choices), tuple(each.to_json() for each in tried))

    @property
    def reads(self) -> tuple[int, ...]:
        """Its layers."""
        return self.shape.layers if self.view is None else self.view.layers

    def add(self, layers: Layers, targets: Tensor) -> None:
        """Take in rows; call `resolve` when all changes are in."""
        self._take(self._held().add, layers, targets)

    def remove(self, layers: Layers, targets: Tensor) -> None:
        """Give up rows that were taken in before; call `resolve` when all changes are in."""
        self._take(self._held().remove, layers, targets)

    def resolve(self, *, keep: bool = False) -> None:
        """Centre and map anew from the statistics; layers and shrinkage stay."""
        held = self._held()
        self.center = (held.feature_sum / max(held.count, 1)).float()
        scatter = ClassMeans.of(held)
        self.weight = whitener(scatter.scatter, scatter.spread, float(self.choices["shrinkage"]))

    def restore(self, choices: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Take back a saved state."""
        self._adopt(Candidate.from_json(choices))
        self._statistics = None
        super().restore(choices, tensors)

    def _take(
        self, take: Callable[[Tensor, Tensor], None], layers: Layers, targets: Tensor
    ) -> None:
        """Rows of classes that are not the head's have no mean to scatter about."""
        known = targets.sum(1) > 0
        take(self._seen(layers)[known], targets[known])

    def _adopt(self, chosen: Candidate) -> None:
        """Stand on these layers, with nothing solved yet."""
        self.view = self._view(chosen)
        self.choices, features = chosen.to_json(), self.view.width
        self.weight, self.center = torch.zeros(features, features), torch.zeros(features)
        self._statistics = RidgeStatistics(features, self.shape.outputs)

    def _view(self, chosen: Candidate) -> View:
        return View(self.shape, chosen.layers, chosen.cells, self.options.features, self.seed)

    def _seen(self, layers: Layers) -> Tensor:
        """[N, F] of rows, before anything is centred or mapped."""
        if self.view is None:
            raise RuntimeError("the head reads nothing yet; solve or restore first")
        return self.view(layers)

    def _judged(
        self,
        candidate: Candidate,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        score: Callable[[Tensor], float],
    ) -> float:
        """What the validation rows say of a candidate that learned the training rows."""
        self._adopt(candidate)
        self.add(train, targets)
        self.resolve()
        return score(self.outputs(validation))


def whitener(scatter: Tensor, spread: float, shrinkage: float) -> Tensor:
    """[F, F] float32: the triangle that makes the shrunk scatter a sphere.

    `x @ whitener` has the lengths and angles of any other such map, and it is continuous in the
    scatter, as eigenvectors are not.
    """
    system = (1.0 - shrinkage) * scatter
    system.diagonal().add_(shrinkage * spread)
    lower = torch.linalg.cholesky(system)
    identity = torch.eye(len(system), dtype=system.dtype)
    inverse = torch.linalg.solve_triangular(lower, identity, upper=False)
    mapped: Tensor = inverse.T.contiguous().float()
    return mapped
