"""People that a model learns from, among those that it is judged by."""

from __future__ import annotations

import numpy as np

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome, found
from journeyman.data.table import Indices, Table
from journeyman.data.target import Target


@CHECKS.register("known_people")
class KnownPeople(Check):
    """Identities of other splits that training rows have too, through files of their own."""

    def check(self, checked: Checked) -> Outcome:
        """Report them by split; rows of `data.extra` of such people are removed from training."""
        target, train = checked.target, checked.tables["train"]
        if target.kind != "identity":
            return Outcome()
        judged = {
            role: set(target.counts(table))
            for role, table in checked.tables.items()
            if role != "train"
        }
        extra = np.intersect1d(
            _rows_of(train, target, set().union(*judged.values())), np.flatnonzero(train.origin > 0)
        )
        findings = []
        if len(extra):
            detail = f"Rows of data.extra of people that are judged by: {len(extra)}."
            action = "removed from training"
            findings.append(found("known_people", "warning", train, extra, detail, action))
        known = set(target.counts(train.parts[0]))
        for role, people in judged.items():
            both = known & people
            if both:
                table = checked.tables[role]
                detail = f"People of {role} rows that training has too: {len(both)}."
                action = "kept; figures are too good for people the model has not seen"
                rows = _rows_of(table, target, both)
                findings.append(found("known_people", "warning", table, rows, detail, action))
        kept = np.setdiff1d(np.arange(len(train)), extra) if len(extra) else None
        return Outcome(tuple(findings), kept)


def _rows_of(table: Table, target: Target, people: set[str]) -> Indices:
    codes, sets = target.coded(table)
    wanted = [code for code, names in enumerate(sets) if people & set(names)]
    return np.flatnonzero(np.isin(codes, wanted))
