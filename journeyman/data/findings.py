"""What checking the data found: how often, where, and what was done about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

Severity = Literal["error", "warning", "note"]

SHOWN_ROWS = 20
"""Row numbers a finding carries at most."""


class Finding(BaseModel):
    """One kind of thing found in one file or split.

    `rows` are the first row numbers in `source` (the first line of a file is 1); `count` is the
    number of all. `action` says what was done, `detail` is the sentence a user reads first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    severity: Severity
    count: int
    detail: str
    action: str
    rows: tuple[int, ...] = ()
    source: str = ""

    def __str__(self) -> str:
        where = f" [{self.source}" if self.source else ""
        if where and self.rows:
            shown = ", ".join(map(str, self.rows[:5])) + (", ..." if self.count > 5 else "")
            where += f", rows {shown}" if self.count > 1 else f", row {self.rows[0]}"
        return f"{self.severity}: {self.detail}{where + ']' if where else ''} -> {self.action}"


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, then warnings, then notes; as they were found within each."""
    rank = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(findings, key=lambda finding: rank[finding.severity]))
