"""From collected rows to the subject of an audit: labelled rows of chosen splits, prepared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

from journeyman.audits.base import Subject
from journeyman.backbones.base import Backbone
from journeyman.data.collection import Collection
from journeyman.data.table import Indices, Table
from journeyman.errors import DataError
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import make_examples
from journeyman.types import Row

LEAST_ROWS = 10
"""Fewer rows than this say nothing of each other."""


def subject_of(
    collection: Collection,
    task: Task,
    backbone: Backbone,
    cache: FeatureCache,
    *,
    splits: Sequence[str],
    limit: int | None = None,
    seed: int = 0,
    reporter: Reporter = QUIET,
) -> Subject:
    """The rows of these splits, or a seeded sample of `limit` of them, ready to be audited.

    Raises DataError where there are too few.
    """
    tables = {name: collection.tables[name] for name in splits}
    chosen = _sampled({name: len(table) for name, table in tables.items()}, limit, seed)
    tables = {name: table.select(chosen[name]) for name, table in tables.items()}
    _require_rows(sum(map(len, tables.values())), collection.train.source)
    columns = collection.columns
    schema = task.schema([task.target(row, columns) for row in _rows(tables.values())])
    examples = make_examples(task, backbone, _rows(tables.values()), columns, schema)
    return Subject(
        task,
        backbone,
        schema,
        examples,
        [name for name, table in tables.items() for _ in range(len(table))],
        [table.source_row(at) for table in tables.values() for at in range(len(table))],
        cache,
        seed,
        reporter,
    )


def _rows(tables: Iterable[Table]) -> Iterator[Row]:
    return chain.from_iterable(table.stream() for table in tables)


def _sampled(sizes: dict[str, int], limit: int | None, seed: int) -> dict[str, Indices]:
    """Which rows of each split are audited, in their order."""
    count = sum(sizes.values())
    chosen = np.arange(count)
    if limit is not None and count > limit:
        chosen = np.sort(np.random.default_rng(seed).choice(count, limit, replace=False))
    found, start = {}, 0
    for name, size in sizes.items():
        own = chosen[(chosen >= start) & (chosen < start + size)]
        found[name], start = own - start, start + size
    return found


def _require_rows(count: int, source: str) -> None:
    if count >= LEAST_ROWS:
        return
    raise DataError(
        "There are too few rows to audit.",
        place=source,
        expected=f"at least {LEAST_ROWS} rows with a label",
        found=str(count),
        remedy="give more rows",
    )
