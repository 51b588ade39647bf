"""Rows with a label and rows without one, of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from journeyman.data.admission import target_column
from journeyman.data.checks.base import found
from journeyman.data.findings import Finding
from journeyman.data.options import ROLES, DataOptions
from journeyman.data.table import Table
from journeyman.errors import DataError


@dataclass(frozen=True)
class Parted:
    """The rows that are `labelled`, and the `rest`: those that nobody labelled."""

    labelled: Table
    rest: Table


def parted(table: Table, columns: DataOptions, seed: int) -> Parted:
    """A table as it was admitted, in two: null in the target's column says that there is no
    label. Of each, a seeded sample at `data.limit`."""
    column = target_column(columns)
    whole, rest = table, table.select([])
    if column is not None and column in table.columns:
        filled = table.filled(column)
        whole = table.select(np.flatnonzero(filled))
        rest = table.select(np.flatnonzero(~filled))
    return Parted(_limited(whole, columns.limit, seed), _limited(rest, columns.limit, seed))


def _limited(table: Table, limit: int | None, seed: int) -> Table:
    if limit is None or len(table) <= limit:
        return table
    chosen = np.random.default_rng(seed).choice(len(table), limit, replace=False)
    return table.select(np.sort(chosen))


def unjudged(
    parts: Sequence[Parted], tables: Mapping[str, Table], group: str | None
) -> tuple[tuple[Table, ...], list[Finding]]:
    """The unlabelled rows without those of groups that the model is judged by, and what is told of
    these."""
    if group is None:
        return tuple(part.rest for part in parts if len(part.rest)), []
    judged: set[Any] = set()
    for role in ROLES[1:]:
        judged |= set(tables[role].column(group)) if group in tables[role].columns else set()
    kept, findings = [], []
    for table in (part.rest for part in parts):
        owners = table.column(group) if group in table.columns else [None] * len(table)
        gone = np.array([owner is not None and owner in judged for owner in owners], dtype=bool)
        kept.append(table.select(np.flatnonzero(~gone)))
        if gone.any():
            detail = f"Rows without a label whose {group!r} stands in rows that are judged by."
            positions, action = np.flatnonzero(gone), "left out of the rows to learn from"
            findings.append(found("judged_groups", "note", table, positions, detail, action))
    return tuple(table for table in kept if len(table)), findings


def require_labels(part: Parted, columns: DataOptions) -> None:
    """Raise DataError where rows were read and none of them has a label."""
    if len(part.labelled) or not len(part.rest):
        return
    column = target_column(columns)
    raise DataError(
        "No training row has a label.",
        place=f"{part.rest.source}, column {column!r}",
        expected="labels in some of the rows",
        found=f"{len(part.rest):,} rows without one",
        remedy="label some rows; or make a first model of what the labels mean, without any row: "
        "`journeyman zero-shot OUT --label NAME=DESCRIPTION`. Where another file has the labels, "
        "name that one in data.train and this one in data.unlabelled.",
    )
