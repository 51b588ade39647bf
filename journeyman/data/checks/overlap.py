"""Rows that stand in more than one split, word for word or byte for byte."""

from __future__ import annotations

import numpy as np

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome, found, rows_by_source
from journeyman.data.findings import Finding
from journeyman.errors import DataError


@CHECKS.register("overlap")
class Overlap(Check):
    """Texts or pictures that training shares with validation, exam or test; all rows are compared.

    Before the split, so that no split made of the training file shares a text with a given file;
    after it, because groups that were kept whole may share texts.
    """

    stages = ("before", "after")

    def check(self, checked: Checked) -> Outcome:
        """Remove them from training, so that what is measured was not learned by heart."""
        train, policy, noun = checked.tables["train"], checked.options.overlap, checked.data.noun
        shared = np.zeros(len(train), dtype=bool)
        findings = _beside_test(checked) if "exam" in checked.tables else []
        for role, table in checked.tables.items():
            both = np.isin(train.inputs, table.inputs) if role != "train" else shared & False
            if not both.any():
                continue
            shared |= both
            detail = f"Training rows whose {noun} is also in {role}: {both.sum()}."
            if policy == "error":
                _refuse(detail, noun, *rows_by_source(train, np.flatnonzero(both))[0])
            action = "removed from training" if policy == "remove" else "kept (collect.overlap)"
            positions = np.flatnonzero(both)
            findings.append(found(f"overlap_{role}", "warning", train, positions, detail, action))
        kept = np.flatnonzero(~shared) if shared.any() and policy == "remove" else None
        return Outcome(tuple(findings), kept)


def _beside_test(checked: Checked) -> list[Finding]:
    """Texts of validation and exam that are also in test: reported, no file is changed."""
    test = checked.tables.get("test")
    findings = []
    for role in ("validation", "exam"):
        table = checked.tables.get(role)
        if table is None or test is None:
            continue
        positions = np.flatnonzero(np.isin(table.inputs, test.inputs))
        if len(positions):
            detail = f"{role.capitalize()} rows whose {checked.data.noun} is also in test: "
            detail += f"{len(positions)}."
            action = "kept; what is chosen on them has seen a little of the test"
            findings.append(found(f"overlap_{role}_test", "note", table, positions, detail, action))
    return findings


def _refuse(detail: str, noun: str, source: str, rows: list[int]) -> None:
    raise DataError(
        detail,
        place=f"{source}, rows {', '.join(map(str, rows[:5]))}",
        expected=f"no {noun} in two splits (collect.overlap: error)",
        found=f"shared {noun}s",
        remedy="Remove them from the training file, or set collect.overlap: remove.",
    )
