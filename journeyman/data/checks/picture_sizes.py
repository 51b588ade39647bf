"""Pictures too small to show anything, or of a shape that scaling spoils."""

from __future__ import annotations

import numpy as np

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome, found

SMALL_SIDE = 16
LONGEST = 8
"""Times the shorter side from which the longer one is odd."""


@CHECKS.register("picture_sizes")
class PictureSizes(Check):
    """Pictures with a side below `SMALL_SIDE` pixels, and those far longer than wide."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Report them; a backbone scales every picture to the size it reads."""
        if checked.data.image is None:
            return Outcome()
        findings = []
        for role, table in checked.tables.items():
            sides = np.sort(table.sizes, axis=1)
            odd = {
                "small_pictures": (sides[:, 0] < SMALL_SIDE, f"with a side below {SMALL_SIDE} px"),
                "odd_pictures": (
                    sides[:, 1] >= LONGEST * sides[:, 0],
                    f"at least {LONGEST} times as long as they are wide, or as wide as long",
                ),
            }
            for name, (which, what) in odd.items():
                positions = np.flatnonzero(which)
                if len(positions):
                    detail = f"{role.capitalize()} pictures {what}: {len(positions)}."
                    action = "kept; scaling to the backbone's size may leave little of them"
                    findings.append(found(name, "note", table, positions, detail, action))
        return Outcome(tuple(findings))
