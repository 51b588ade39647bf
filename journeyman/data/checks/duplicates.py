"""Rows that repeat: with the same label, and with a different one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.data.boxes import boxes_of
from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome, found
from journeyman.data.identity import occurrences
from journeyman.data.table import Indices, Table
from journeyman.data.target import Target, number


@CHECKS.register("duplicates")
class Duplicates(Check):
    """Training rows with the same text or picture and the same label as an earlier row."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Keep the first of each, unless the recipe keeps all."""
        table = checked.tables["train"]
        repeats = occurrences(_text_and_label(table, checked.target)) > 0
        if not repeats.any():
            return Outcome()
        remove = checked.options.duplicates == "remove"
        share = repeats.mean()
        also = "boxes" if checked.target.kind == "boxes" else "label"
        detail = (
            f"Training rows that repeat an earlier {checked.data.noun} and {also}: {repeats.sum()} "
            f"({share:.1%})."
        )
        action = "the first of each is kept" if remove else "kept (collect.duplicates: keep)"
        positions = np.flatnonzero(repeats)
        finding = found(
            "duplicates", "warning" if share > 0.1 else "note", table, positions, detail, action
        )
        return Outcome((finding,), np.flatnonzero(~repeats) if remove else None)


@CHECKS.register("duplicates_conflicting")
class ConflictingDuplicates(Check):
    """The same text or picture with different labels, in any split."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Report them; nothing tells which label is right."""
        if checked.target.kind == "value":
            return Outcome()
        findings = []
        for role, table in checked.tables.items():
            inputs = table.inputs
            both = _text_and_label(table, checked.target)
            first = np.unique(both, return_index=True)[1]
            texts, labels = np.unique(inputs[first], return_counts=True)
            texts = texts[labels > 1]
            if not len(texts):
                continue
            positions = np.flatnonzero(np.isin(inputs, texts))
            noun = checked.data.noun.capitalize()
            differ = "boxes" if checked.target.kind == "boxes" else "labels"
            detail = f"{noun}s with different {differ} in the {role} rows: {len(texts)} "
            detail += f"({len(positions)} rows)."
            action = "kept; nothing tells which are right, see the rows"
            findings.append(
                found("conflicting_labels", "warning", table, positions, detail, action)
            )
        return Outcome(tuple(findings))


def _text_and_label(table: Table, target: Target) -> NDArray[np.uint64]:
    """One code for each distinct pair of inputs and label."""
    labels = _labels(table, target).astype(np.uint64)
    # An odd multiplier mixes the label into the hash without ever cancelling it out.
    mixed = table.inputs ^ ((labels + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    return mixed


def _said(value: Any, target: Target) -> str:
    """A target as text; the order of boxes says nothing."""
    if target.kind == "boxes":
        return str(sorted((box.box, box.label, box.difficult) for box in boxes_of(value)))
    return str(number(value) if target.kind == "value" else value)


def _labels(table: Table, target: Target) -> Indices:
    """A code for each row's label; of joined tables a number and its text are the same label,
    and boxes are the same in any order."""
    codes, values = table.codes(target.column)
    if len(table.parts) == 1 and target.kind != "boxes":
        return codes
    same: dict[str, int] = {}
    read = [_said(value, target) for value in values]
    renamed = [same.setdefault(value, len(same)) for value in read]
    return np.array([*renamed, -1], dtype=np.int64)[codes]
