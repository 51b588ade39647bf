"""Features of the new data at one start, made once for every size and draw of labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.transfer.basis import Basis, bases
from journeyman.transfer.head_fit import HeadFit, fit_head
from journeyman.transfer.new_data import Indices, NewData
from journeyman.transfer.start import Start


@dataclass(frozen=True)
class StartFeatures:
    """At one start: each basis with its features [N, F] of the rows to learn from and of the test.

    `targets` [N, C] are of the rows to learn from.
    """

    start: Start
    data: NewData
    learned: Examples
    test: Examples
    bases: Sequence[tuple[Basis, Tensor, Tensor]]
    targets: Tensor

    def fit(self, rows: Indices, metric: str) -> HeadFit:
        """The head that the labelled `rows` give; every choice by leave-one-out on them."""
        raw = [self.learned.targets[at] for at in rows]

        def score(outputs: Tensor) -> float:
            return self.data.task.score(as_rows(outputs), raw, self.data.schema, metric)

        candidates = ((basis, learned[rows]) for basis, learned, _ in self.bases)
        return fit_head(candidates, self.targets[rows], score)

    def test_outputs(self, fit: HeadFit) -> list[Array]:
        """Outputs of every test row."""
        found = next(test for basis, _, test in self.bases if basis is fit.basis)
        return as_rows(fit.outputs(found))

    def rows_of(self, fit: HeadFit, rows: Indices) -> Tensor:
        """Features [n, F] of rows to learn from, in the fit's basis."""
        return next(learned for basis, learned, _ in self.bases if basis is fit.basis)[rows]


def start_features(
    start: Start, data: NewData, cache: FeatureCache, reporter: Reporter = QUIET
) -> StartFeatures:
    """Run the rows through the start's layers; the frozen ones only where the cache lacks them."""
    backbone = start.learner.backbone
    learned = data.examples(data.rows, backbone)
    test = data.examples(data.test, backbone)
    layers, held_out = (start.layers(part, cache, reporter) for part in (learned, test))
    found = bases(start, layers, data.task, data.schema)
    if learned.encoded is None:
        raise ValueError("rows to learn from need encoded targets")
    return StartFeatures(
        start,
        data,
        learned,
        test,
        [(basis, basis.features(layers), basis.features(held_out)) for basis in found],
        data.task.matrix(learned.encoded, data.schema),
    )


def as_rows(outputs: Tensor) -> list[Array]:
    """Outputs [N, C] as a task takes them."""
    return list(outputs.float().numpy())
