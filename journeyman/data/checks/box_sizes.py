"""Boxes too small to be found, and pictures in which there are none."""

from __future__ import annotations

from collections import Counter

import numpy as np

from journeyman.data.boxes import boxes_of
from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome, found
from journeyman.data.findings import Finding
from journeyman.data.table import Table

SMALL_SHARE = 8 / 640
"""Side of a small box, as a share of the picture's longer side: 8 of 640 pixels."""

MANY_EMPTY = 0.5
"""Share of training pictures without a box from which they are told of."""


@CHECKS.register("box_sizes")
class BoxSizes(Check):
    """Boxes with a side below `SMALL_SHARE` of their picture, and mostly empty training rows."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Report them by split, with a count for each class; all are kept."""
        if checked.target.kind != "boxes":
            return Outcome()
        findings = []
        for role, table in checked.tables.items():
            findings += self._of(role, table, checked.target.column)
        return Outcome(tuple(findings))

    def _of(self, role: str, table: Table, column: str) -> list[Finding]:
        codes, values = table.codes(column)
        sides = [[(box.label, min(box.box[2:])) for box in boxes_of(value)] for value in values]
        small: Counter[str] = Counter()
        rows, empty = [], []
        least = table.sizes.max(axis=1, initial=0) * SMALL_SHARE
        for at, code in enumerate(codes.tolist()):
            own = sides[code] if code >= 0 else []
            names = [label for label, side in own if side < least[at]]
            small.update(names)
            rows += [at] * bool(names)
            empty += [at] * (not own)
        return [*_small(role, table, rows, small), *_empty(role, table, empty)]


def _small(role: str, table: Table, rows: list[int], small: Counter[str]) -> list[Finding]:
    if not rows:
        return []
    ranked = sorted(small.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} ({count})" for name, count in ranked[:10])
    more = f" and {len(ranked) - 10} more classes" if len(ranked) > 10 else ""
    detail = f"{role.capitalize()} boxes with a side below {SMALL_SHARE:.2%} of their picture "
    detail += f"(8 pixels of 640): {small.total()} in {len(rows)} pictures: {shown}{more}."
    action = "kept; a higher backbone.image_size shows more of them"
    return [found("small_boxes", "note", table, np.array(rows), detail, action)]


def _empty(role: str, table: Table, empty: list[int]) -> list[Finding]:
    if role != "train" or len(empty) < MANY_EMPTY * max(len(table), 1) or not empty:
        return []
    detail = f"Training pictures without a box: {len(empty)} of {len(table)}."
    action = "kept; check that they were looked at, and not only left out"
    return [found("empty_pictures", "warning", table, np.array(empty), detail, action)]
