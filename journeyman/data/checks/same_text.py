"""Texts that are all the same tell no rows apart."""

from __future__ import annotations

import numpy as np

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome
from journeyman.errors import DataError


@CHECKS.register("same_text")
class SameText(Check):
    """One text in every row cannot be learned from."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Raise DataError when there are several training rows and all have the same inputs."""
        table = checked.tables["train"]
        if len(table) > 1 and len(np.unique(table.inputs)) == 1:
            columns = " and ".join(map(repr, checked.data.texts))
            raise DataError(
                "There is nothing to learn from: the text is the same in every row.",
                place=f"{table.source}, column {columns}",
                expected="texts that differ",
                found=f"one text in all {len(table):,} rows",
                remedy="Check data.text, or add rows with other texts.",
            )
        return Outcome()
