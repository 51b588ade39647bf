"""The prototype head: each class is the mean of its rows, and a row goes to the nearest mean.

Shapes: N rows, F features, C classes. With few rows a class little must be estimated: one
vector for each, and how rows scatter about the means is shared by all classes.
Nearest class means on pretrained features: Snell et al. (2017), "Prototypical networks". Distances
by a shared covariance shrunk towards a sphere: Friedman (1989), "Regularized discriminant
analysis".
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
    at_unit_scale,
    check_layers,
)
from journeyman.heads.class_means import (
    ClassMeans,
    Metric,
    check_shrinkage,
    cosine_left_out,
    mahalanobis_left_out,
)
from journeyman.heads.gram import GramHead
from journeyman.heads.regulariser import is_distribution
from journeyman.heads.statistics import RidgeStatistics

SHRINKAGES = (0.1, 0.3, 0.5, 0.8, 0.95)
USUAL = 0.5
"""The shrinkage where nothing can judge it: no validation rows, features that saw the labels."""
JUDGED_ROWS = 2048
"""Rows whose left-out outputs are computed to choose by."""


class PrototypeOptions(HeadOptions):
    """What a recipe may say of the prototype head."""

    layers: tuple[int, ...] | None = Field(
        None, description="Layers whose pooled vectors it reads, side by side; the last if absent."
    )
    metric: Literal["auto", "cosine", "mahalanobis"] = Field(
        "auto",
        description="What nearest means: by angle, or by distance in units of how rows scatter "
        "about their class means; `auto` tries both.",
    )
    shrinkage: Literal["auto"] | float = Field(
        "auto",
        description="How far the shared scatter is drawn towards a sphere, above 0 to 1; `auto` "
        "tries a few.",
    )


@HEADS.register("prototype")
class PrototypeHead(GramHead):
    """Class means of unit vectors; outputs are log likelihoods up to a constant, or cosines."""

    name = "prototype"
    units = ("row",)
    kinds = ("label",)
    Options = PrototypeOptions
    options: PrototypeOptions
    weight: Tensor
    offset: Tensor

    def __init__(self, options: HeadOptions, shape: HeadShape, seed: int) -> None:
        super().__init__(options, shape, seed)
        self.layers = self.options.layers or shape.layers[-1:]
        check_layers(self.name, self.layers, shape.layers)
        check_shrinkage(self.name, self.options.shrinkage)
        features = shape.stacked(self.layers)
        self.register_buffer("weight", torch.zeros(features, shape.outputs))
        self.register_buffer("offset", torch.zeros(shape.outputs))

    def forward(self, features: Features) -> Tensor:
        """Outputs [B, C] of rows."""
        return self.outputs(dict(features.pooled))

    def outputs(self, layers: Layers) -> Tensor:
        """[N, C] of rows whose layers are at hand."""
        outputs: Tensor = at_unit_scale(layers, self.layers) @ self.weight + self.offset
        return outputs

    def solve(
        self,
        train: Layers,
        targets: Tensor,
        validation: Layers,
        score: Callable[[Tensor], float],
        *,
        leave_one_out: bool,
    ) -> SolveReport:
        """Take the means, and choose metric and shrinkage; see `SolvedHead.solve`."""
        self._statistics = RidgeStatistics(len(self.weight), self.shape.outputs)
        self.add(train, targets)
        means = ClassMeans.of(self._held())
        left_out = leave_one_out and is_distribution(targets) and bool((targets.amax(1) == 1).all())
        judged = bool(len(next(iter(validation.values()))))
        tried = []
        for metric, shrinkage in self._candidates(means, left_out or judged):
            if left_out:
                merit = self._left_out_merit(means, metric, shrinkage, train, targets)
            else:
                weight, offset = means.solution(metric, shrinkage)
                held = at_unit_scale(validation, self.layers)
                merit = score(held @ weight + offset) if judged else 0.0
            tried.append({"metric": metric, "shrinkage": shrinkage, "score": merit})
        best = max(tried, key=lambda record: (record["score"], record["shrinkage"]))
        self.choices = {"metric": best["metric"], "shrinkage": best["shrinkage"]}
        self.resolve()
        return SolveReport(dict(self.choices), tuple(tried))

    @property
    def features(self) -> int:
        """The width of its layers side by side."""
        return len(self.weight)

    @property
    def reads(self) -> tuple[int, ...]:
        """Its layers."""
        return self.layers

    def add(self, layers: Layers, targets: Tensor) -> None:
        """Take in rows; call `resolve` when all changes are in."""
        self._held().add(at_unit_scale(layers, self.layers), targets)

    def remove(self, layers: Layers, targets: Tensor) -> None:
        """Give up rows that were taken in before; call `resolve` when all changes are in."""
        self._held().remove(at_unit_scale(layers, self.layers), targets)

    def resolve(self, *, keep: bool = False) -> None:
        """Means and scatter anew from the statistics; metric and shrinkage stay."""
        means = ClassMeans.of(self._held())
        weight, offset = means.solution(self.choices["metric"], float(self.choices["shrinkage"]))
        self.weight, self.offset = weight.contiguous(), offset

    def left_out(self, layers: Layers, targets: Tensor) -> Tensor | None:
        """As `SolvedHead` has it; None where targets are shares of several classes."""
        if not bool((targets.amax(1) == 1).all()):
            return None
        means = ClassMeans.of(self._held())
        rows = at_unit_scale(layers, self.layers).double()
        given = targets.argmax(1)
        return self._left_out(means, self.choices["metric"], self.choices["shrinkage"], rows, given)

    def restore(self, choices: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Take back a saved state."""
        metric, shrinkage = choices["metric"], float(choices["shrinkage"])
        if metric not in ("cosine", "mahalanobis") or not 0.0 < shrinkage <= 1.0:
            raise ValueError(f"metric {metric!r} with shrinkage {shrinkage:g}")
        super().restore(choices, tensors)

    def _candidates(self, means: ClassMeans, judged: bool) -> list[tuple[Metric, float]]:
        """What may be chosen; where nothing can judge, the usual alone.

        Where no class has two rows nothing is known of scatter, and a row left out leaves nothing
        of its class: then angles, in which all rows and means are of one length.
        """
        asked = self.options.shrinkage
        if not means.scattered and self.options.metric == "auto":
            return [("cosine", 1.0)]
        wanted = SHRINKAGES if judged else (USUAL,)
        shrinkages = wanted if asked == "auto" else (asked,)
        found: list[tuple[Metric, float]] = []
        if self.options.metric != "cosine":
            found += [("mahalanobis", shrinkage) for shrinkage in shrinkages]
        if self.options.metric == "cosine" or (self.options.metric == "auto" and judged):
            found.append(("cosine", 1.0))
        return found

    def _left_out_merit(
        self, means: ClassMeans, metric: Metric, shrinkage: float, train: Layers, targets: Tensor
    ) -> float:
        """Share of training rows that are met when left out; a class counts by its rows' root."""
        order = torch.randperm(
            len(targets), generator=torch.Generator().manual_seed(self.seed)
        )[:JUDGED_ROWS].sort().values  # fmt: skip
        some = {layer: train[layer][order] for layer in self.layers}
        rows = at_unit_scale(some, self.layers).double()
        given = targets[order].argmax(1)
        outputs = self._left_out(means, metric, shrinkage, rows, given)
        weight = means.counts.clamp(min=1.0).rsqrt()[given]
        met = (outputs.argmax(1) == given).double()
        return float((met * weight).sum() / weight.sum())

    def _left_out(
        self, means: ClassMeans, metric: Metric, shrinkage: float, rows: Tensor, given: Tensor
    ) -> Tensor:
        if metric == "cosine":
            return cosine_left_out(means, rows, given)
        return mahalanobis_left_out(means, shrinkage, rows, given)
