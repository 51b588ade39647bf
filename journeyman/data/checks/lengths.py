"""Texts longer than a model will read."""

from __future__ import annotations

import numpy as np

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome, found


@CHECKS.register("long_texts")
class LongTexts(Check):
    """Texts of more than `collect.max_text_characters` characters."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Report them; they are read from their start."""
        if checked.data.image is not None:
            return Outcome()
        limit = checked.options.max_text_characters
        findings = []
        for role, table in checked.tables.items():
            lengths = np.max([table.lengths(name) for name in checked.data.texts], axis=0)
            positions = np.flatnonzero(lengths > limit)
            if not len(positions):
                continue
            detail = (
                f"{role.capitalize()} rows of more than {limit} characters: {len(positions)} "
                f"(the longest has {lengths.max()})."
            )
            action = "kept; a model reads as much of the start as it has room for"
            findings.append(found("long_texts", "note", table, positions, detail, action))
        return Outcome(tuple(findings))
