"""Dividing rows into train, validation, exam and test.

Splits are stratified, seeded and never divide a group. Rows without groups are divided by
systematic sampling over the sorted strata, which gives each split its share of every stratum to
within a row or two; groups are placed one by one where their strata are missed most, after
Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data" (2011).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from journeyman.data.findings import SHOWN_ROWS, Finding
from journeyman.data.options import ROLES, CollectOptions, DataOptions
from journeyman.data.table import Indices, Table
from journeyman.data.target import Target, target_of
from journeyman.files import write_json
from journeyman.types import TargetKind


@dataclass(frozen=True)
class Split:
    """Positions in the divided table by split, sorted, and what is worth telling about it."""

    parts: Mapping[str, Indices]
    findings: tuple[Finding, ...] = field(default=())


def split(
    table: Table,
    data: DataOptions,
    options: CollectOptions,
    seed: int,
    *,
    taken: Iterable[str] = (),
    kind: TargetKind | None = None,
) -> Split:
    """Divide the rows of `table`; splits in `taken` have files of their own and get none.

    The same table, options and seed give the same splits. Rows with the same inputs stay
    together, and so do rows of one group where `data.group` names a column, and rows of one
    identity. Classes with fewer than `options.min_class_rows` rows stay in training.
    """
    wanted = options.fractions.model_dump()
    shares = {role: wanted[role] for role in ROLES[1:] if role not in set(taken) and wanted[role]}
    target = target_of(data, kind, table)
    strata = _strata(table, target, options)
    rare, findings = _rare(table, target, options, bool(shares))
    units, grouped = _units(table, data, target)
    random = np.random.default_rng(seed)
    if grouped:
        placed = _place_groups(units, strata, shares, random)
    else:
        placed = _place_systematically(units, strata, shares, random)
    placed[np.isin(units, units[rare])] = 0
    parts = {"train": np.flatnonzero(placed == 0)}
    parts |= {role: np.flatnonzero(placed == number) for number, role in enumerate(shares, 1)}
    return Split(parts, findings)


def save_splits(path: Path, tables: Mapping[str, Table]) -> None:
    """Write the row ids of each split, in order, as one JSON object."""
    write_json(path, {role: table.ids for role, table in tables.items()})


def _strata(table: Table, target: Target, options: CollectOptions) -> Indices:
    columns = options.stratify if options.stratify is not None else target.data.slices
    keys = [table.codes(name)[0] for name in columns if name != target.column]
    keys.append(target.strata(table))
    return _distinct(np.stack(keys, axis=1))


def _distinct(values: NDArray[np.generic]) -> Indices:
    codes: Indices = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
    return codes.astype(np.int64)


def _units(table: Table, data: DataOptions, target: Target) -> tuple[Indices, bool]:
    """A code for each row, the same for rows that stay together; whether those are groups."""
    known = [table.codes(data.group)[0]] if data.group else []
    if target.kind == "identity":
        known.append(table.codes(target.column)[0])
    if not known:
        return _alone_where_missing(_distinct(table.inputs)), False
    units = [_alone_where_missing(codes) for codes in known]
    return (units[0] if len(units) == 1 else _linked(*units)), True


def _linked(first: Indices, second: Indices) -> Indices:
    """Codes of rows that are linked by either code, over however many steps."""
    start = int(first.max(initial=-1)) + 1
    size = start + int(second.max(initial=-1)) + 1
    links = coo_array((np.ones(len(first)), (first, start + second)), shape=(size, size))
    found: Indices = connected_components(links, directed=False)[1][first].astype(np.int64)
    return found


def _alone_where_missing(units: Indices) -> Indices:
    """Rows whose group is missing are each a group of their own."""
    missing = np.flatnonzero(units < 0)
    units = units.copy()
    units[missing] = units.max(initial=0) + 1 + np.arange(len(missing))
    return units


def _rare(
    table: Table, target: Target, options: CollectOptions, divided: bool
) -> tuple[Indices, tuple[Finding, ...]]:
    """Rows of classes too small to divide, and the finding that says so."""
    nothing = np.empty(0, dtype=np.int64)
    if target.kind in ("value", "identity") or not divided:
        return nothing, ()
    counts = target.counts(table)
    names = {name for name, rows in counts.items() if rows < options.min_class_rows}
    if not names:
        return nothing, ()
    codes, sets = target.coded(table)
    rows = np.flatnonzero(np.isin(codes, [i for i, held in enumerate(sets) if names & set(held)]))
    shown = ", ".join(f"{name} ({counts[name]})" for name in sorted(names)[:10])
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    finding = Finding(
        name="small_classes",
        severity="warning",
        count=len(names),
        rows=tuple(table.row_numbers[rows[:SHOWN_ROWS]].tolist()),
        source=table.source,
        detail=f"Classes with fewer than {options.min_class_rows} rows cannot be divided: "
        f"{shown}{more}.",
        action="their rows are all used for training; no figure on other splits covers them",
    )
    return rows, (finding,)


def _place_systematically(
    units: Indices, strata: Indices, shares: Mapping[str, float], random: np.random.Generator
) -> Indices:
    """Walk the rows sorted by stratum and deal each to the split that is furthest behind."""
    _, first, owner = np.unique(units, return_index=True, return_inverse=True)
    shuffled = random.permutation(len(first))
    order = shuffled[np.argsort(strata[first[shuffled]], kind="stable")]
    placed = np.zeros(len(first), dtype=np.int64)
    rest = order
    left = 1.0
    for number, share in enumerate(shares.values(), 1):
        steps = np.floor(np.arange(len(rest) + 1) * (share / left) + random.random())
        chosen = np.diff(steps) > 0
        placed[rest[chosen]] = number
        rest = rest[~chosen]
        left -= share
    return placed[owner.reshape(-1)]


def _place_groups(
    units: Indices, strata: Indices, shares: Mapping[str, float], random: np.random.Generator
) -> Indices:
    """Place the largest groups first, each where its strata lack the most rows."""
    fractions = np.array([1 - sum(shares.values()), *shares.values()])
    groups = _distinct(units)
    number = int(groups.max(initial=-1)) + 1
    sizes = np.bincount(groups, minlength=number)
    by_group = np.argsort(groups, kind="stable")
    starts = np.r_[0, np.cumsum(sizes)]
    lacking = fractions[:, None] * np.bincount(strata)[None, :].astype(float)
    total = fractions * len(units)
    shuffled = random.permutation(number)
    placed = np.zeros(number, dtype=np.int64)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")].tolist():
        held, rows = np.unique(
            strata[by_group[starts[group] : starts[group + 1]]], return_counts=True
        )
        # Lack relative to the share, so that small splits are filled as early as large ones.
        wanted = (lacking[:, held] * rows).sum(axis=1) / fractions
        wanted[total < rows.sum() / 2] = -np.inf
        best = int(np.argmax(wanted))
        lacking[best, held] -= rows
        total[best] -= rows.sum()
        placed[group] = best
    return placed[groups]
