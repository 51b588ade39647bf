"""What the labels look like: one class only, unknown ones, near spellings, imbalance."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome, found
from journeyman.data.findings import Finding
from journeyman.data.table import Indices, Table
from journeyman.data.target import Target
from journeyman.errors import DataError

_OF_LABELS = "kept; judge by macro-F1 and the figures of each class, not by accuracy"
_OF_BOXES = "kept; judge by the figures of each class beside their mean"


@CHECKS.register("constant_label")
class ConstantLabel(Check):
    """A target that never varies cannot be learned."""

    stages = ("before", "after")

    def check(self, checked: Checked) -> Outcome:
        """Raise DataError when all training rows have the same target."""
        table, target = checked.tables["train"], checked.target
        if target.kind == "tags":
            if not target.counts(table):
                _refuse(table, target, "no entity: every tag is O")
            return Outcome()
        if target.kind == "value":
            values = table.codes(target.column)[1]
        else:
            values = list(target.counts(table))
        if target.kind == "boxes" and not values:
            _refuse(table, target, "no box in any picture")
        if len(values) < 2 and target.kind not in ("labels", "boxes"):
            _refuse(table, target, f"only {values[0]!r}" if values else "no label at all")
        if not values:
            _refuse(table, target, "no label at all")
        return Outcome()


@CHECKS.register("labels_imbalance")
class Imbalance(Check):
    """The largest class against the smallest."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Report a ratio beyond `collect.imbalance_ratio`."""
        table, target = checked.tables["train"], checked.target
        counts = {} if target.kind in ("value", "identity") else target.counts(table)
        if len(counts) < 2:
            return Outcome()
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        (most, many), (least, few) = ranked[0], ranked[-1]
        if many < checked.options.imbalance_ratio * few:
            return Outcome()
        finding = Finding(
            name="imbalance",
            severity="warning",
            count=len(counts),
            source=table.source,
            detail=f"The largest class {most!r} has {many} rows, the smallest {least!r} {few}.",
            action=_OF_BOXES if target.kind == "boxes" else _OF_LABELS,
        )
        return Outcome((finding,))


@CHECKS.register("labels_similar")
class SimilarLabels(Check):
    """Labels that differ in upper case or white space only are probably one."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Report each set of such labels."""
        table, target = checked.tables["train"], checked.target
        spelled: defaultdict[str, list[str]] = defaultdict(list)
        for name in {} if target.kind == "value" else target.counts(table):
            spelled["".join(name.casefold().split())].append(name)
        alike = [sorted(names) for names in spelled.values() if len(names) > 1]
        if not alike:
            return Outcome()
        positions = _rows_with(table, target, {name for names in alike for name in names[1:]})
        shown = "; ".join(" and ".join(map(repr, names)) for names in sorted(alike)[:10])
        detail = f"Labels differ in case or white space only: {shown}."
        action = "kept as different classes; mend the file if they are one"
        return Outcome((found("similar_labels", "warning", table, positions, detail, action),))


@CHECKS.register("labels_unknown")
class UnknownLabels(Check):
    """Labels of other splits that no training row has."""

    def check(self, checked: Checked) -> Outcome:
        """Report them by split."""
        target = checked.target
        if target.kind in ("value", "identity"):
            return Outcome()
        known = set(target.counts(checked.tables["train"]))
        findings = []
        for role, table in checked.tables.items():
            unknown = set(target.counts(table)) - known
            if not unknown:
                continue
            positions = _rows_with(table, target, unknown)
            shown = ", ".join(sorted(unknown)[:10])
            detail = f"Labels of {role} rows that training lacks: {shown} ({len(positions)} rows)."
            action = "kept; a model cannot get them right"
            findings.append(found("unknown_labels", "warning", table, positions, detail, action))
        return Outcome(tuple(findings))


def _rows_with(table: Table, target: Target, names: set[str]) -> Indices:
    codes, sets = target.coded(table)
    wanted = [code for code, held in enumerate(sets) if names & set(held)]
    return np.flatnonzero(np.isin(codes, wanted))


def _refuse(table: Table, target: Target, what: str) -> None:
    raise DataError(
        "There is nothing to learn: the target is the same in every row.",
        place=f"{table.source}, column {target.column!r}",
        expected="a box" if target.kind == "boxes" else "at least two different labels",
        found=what,
        remedy="Check data.boxes, or add pictures with boxes."
        if target.kind == "boxes"
        else "Check data.label, or add rows of other classes.",
    )
