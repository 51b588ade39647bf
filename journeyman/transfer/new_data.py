"""The new data as transfer sees it: rows to learn from in an order whose beginnings are samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text
from journeyman.data.collection import Collection
from journeyman.data.options import DataOptions
from journeyman.data.table import Table
from journeyman.errors import DataError
from journeyman.tasks.base import Schema, Task
from journeyman.training.examples import Examples, make_examples
from journeyman.types import Row

Indices = NDArray[np.int64]

MOST_ROWS = 10_000
"""Rows to learn from that are looked at; of more, a stratified sample of this size."""


@dataclass(frozen=True)
class NewData:
    """Rows to learn from (training and validation rows together), and rows to measure on.

    `strata` holds each row's class, or what stands for it. `shared` counts test rows that were
    left out because a source was trained on their text.
    """

    task: Task
    columns: DataOptions
    schema: Schema
    rows: Sequence[Row]
    strata: Indices
    exam: Sequence[Row]
    test: Sequence[Row]
    fingerprint: str
    shared: int = 0

    def examples(self, rows: Sequence[Row], backbone: Backbone) -> Examples:
        """Rows prepared for a backbone and encoded."""
        return make_examples(self.task, backbone, rows, self.columns, self.schema)

    @property
    def classes(self) -> int:
        """How many strata there are: the fewest rows in which each may stand."""
        return len(np.unique(self.strata))

    def order(self, seed: int, draw: int = 0) -> Indices:
        """The rows in an order of which every beginning is a stratified sample."""
        return nested_order(self.strata, np.random.default_rng([seed, draw]))

    def chosen(self, labels: int | None, seed: int) -> Indices:
        """The rows whose labels may be used: the beginning of the first draw, or all.

        Raises DataError when there are fewer than asked for, or too few for every class.
        """
        if labels is None:
            return np.arange(len(self.rows))
        if self.classes <= labels <= len(self.rows):
            return np.sort(self.order(seed)[:labels])
        raise DataError(
            "The new data cannot give so many labelled rows.",
            place="transfer.labels",
            expected=f"{self.classes:,} (one a class) to {len(self.rows):,}",
            found=str(labels),
            remedy="change transfer.labels, or leave it out for all",
        )


def new_data(
    collection: Collection, task: Task, seed: int, trained_on: Sequence[Table] = ()
) -> NewData:
    """The rows of a collection, without those of `data.extra`; test rows whose text is in
    `trained_on` are left out."""
    columns = collection.columns
    rows = [*collection.own.rows(), *collection.validation.rows()]
    targets = [task.target(row, columns) for row in rows]
    strata = _strata(task, [task.text(row, columns) for row in rows], targets)
    kept = nested_order(strata, np.random.default_rng([seed, 0]))[:MOST_ROWS]
    kept.sort()
    seen = np.unique(np.concatenate([np.zeros(0, np.uint64), *(t.inputs for t in trained_on)]))
    test = collection.test
    fresh = np.flatnonzero(~np.isin(test.inputs, seen)) if len(test) else np.zeros(0, np.int64)
    return NewData(
        task,
        columns,
        task.schema(targets),
        [rows[at] for at in kept],
        strata[kept],
        collection.exam.rows(),
        test.rows(fresh),
        collection.fingerprint,
        len(test) - len(fresh),
    )


def _strata(task: Task, texts: Sequence[Text], targets: Sequence[Any]) -> Indices:
    """A code for each row: its class, the rarest of its classes, or the tenth of a number."""
    plain = task.plain(texts, targets)[1]
    if task.kind == "value":
        values = np.array(plain, dtype=np.float64)
        edges = np.unique(np.quantile(values, np.linspace(0, 1, 11)[1:-1]))
        return np.searchsorted(edges, values, side="right").astype(np.int64)
    if task.kind == "labels":
        counts = Counter(label for labels in plain for label in labels)
        plain = [min(labels, key=lambda name: (counts[name], name), default="") for labels in plain]
    return np.unique(plain, return_inverse=True)[1].reshape(-1).astype(np.int64)


def nested_order(strata: Indices, random: np.random.Generator) -> Indices:
    """A shuffle in which each stratum comes at an even pace, one row of each of them first."""
    shuffled = random.permutation(len(strata))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    _, codes, sizes = np.unique(strata[order], return_inverse=True, return_counts=True)
    place = np.arange(len(order)) - (np.cumsum(sizes) - sizes)[codes]
    pace = (place + random.random(len(sizes))[codes]) / sizes[codes]
    pace[place == 0] = -1.0
    found: Indices = order[np.argsort(pace, kind="stable")].astype(np.int64)
    return found
