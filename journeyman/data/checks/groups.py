"""Rows that are only learned from, of groups that the model is judged by."""

from __future__ import annotations

import numpy as np

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome, found


@CHECKS.register("extra_groups")
class ExtraGroups(Check):
    """Rows of `data.extra` whose group (`data.group`) is in validation, exam or test."""

    def check(self, checked: Checked) -> Outcome:
        """Remove them from training: no group is in two splits."""
        train, column = checked.tables["train"], checked.data.group
        if column is None or not (train.origin > 0).any():
            return Outcome()
        held = {
            str(group)
            for role, table in checked.tables.items()
            if role != "train" and column in table.columns
            for group in table.codes(column)[1]
        } - {""}
        codes, groups = train.codes(column)
        judged = [code for code, group in enumerate(groups) if str(group) in held]
        positions = np.flatnonzero(np.isin(codes, judged) & (train.origin > 0))
        if not len(positions):
            return Outcome()
        detail = f"Rows of data.extra whose group is judged by: {len(positions)}."
        finding = found(
            "extra_groups", "warning", train, positions, detail, "removed from training"
        )
        return Outcome((finding,), np.setdiff1d(np.arange(len(train)), positions))
