"""Texts or pictures that are all the same tell no rows apart."""

from __future__ import annotations

import numpy as np

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome
from journeyman.errors import DataError


@CHECKS.register("same_text")
class SameText(Check):
    """One text or picture in every row cannot be learned from."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Raise DataError when there are several training rows and all have the same inputs."""
        table = checked.tables["train"]
        if len(table) > 1 and len(np.unique(table.inputs)) == 1:
            columns, noun = " and ".join(map(repr, checked.data.texts)), checked.data.noun
            field = "text" if checked.data.image is None else "image"
            raise DataError(
                f"There is nothing to learn from: the {noun} is the same in every row.",
                place=f"{table.source}, column {columns}",
                expected=f"{noun}s that differ",
                found=f"one {noun} in all {len(table):,} rows",
                remedy=f"Check data.{field}, or add rows with other {noun}s.",
            )
        return Outcome()
