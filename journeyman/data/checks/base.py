"""What a check of the data sees and gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from journeyman.data.findings import SHOWN_ROWS, Finding, Severity
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.data.table import Indices, Table
from journeyman.data.target import Target
from journeyman.registry import Registry

Stage = Literal["before", "after"]


@dataclass(frozen=True)
class Checked:
    """The tables by split, and what the recipe says about them.

    Before splitting only `train` and the splits with files of their own are there. Training rows
    that are only learned from (`data.extra`) follow the others; `origin` tells them apart.
    """

    tables: Mapping[str, Table]
    data: DataOptions
    options: CollectOptions
    target: Target
    seed: int


@dataclass(frozen=True)
class Outcome:
    """Findings, and which positions of the training table stay (None: all)."""

    findings: tuple[Finding, ...] = ()
    kept: Indices | None = None


class Check(ABC):
    """One question asked of the data before any training; may raise DataError."""

    stages: ClassVar[tuple[Stage, ...]] = ("after",)
    """Before or after the training rows are divided into splits."""

    @abstractmethod
    def check(self, checked: Checked) -> Outcome:
        """Look at the tables, vectorised or in batches: there may be millions of rows."""


CHECKS: Registry[type[Check]] = Registry("data check", "journeyman.data.checks")


def found(
    name: str, severity: Severity, table: Table, positions: Indices, detail: str, action: str
) -> Finding:
    """A finding about some rows of one table.

    Of a joined table, the rows shown are those of the first source that has any; those of the
    others stand in the detail.
    """
    held = rows_by_source(table, positions) or [(table.source, [])]
    (source, rows), others = held[0], held[1:]
    more = "".join(
        f" {len(rows)} of them in {name} (row{'s' * (len(rows) > 1)} "
        f"{', '.join(map(str, rows[:5]))}{', ...' if len(rows) > 5 else ''})."
        for name, rows in others
    )
    return Finding(
        name=name,
        severity=severity,
        count=len(positions),
        rows=tuple(rows[:SHOWN_ROWS]),
        source=source,
        detail=detail + more,
        action=action,
    )


def rows_by_source(table: Table, positions: Indices) -> list[tuple[str, list[int]]]:
    """The row numbers at these positions by the source they were read from, sorted."""
    origin, numbers = table.origin[positions], table.row_numbers[positions]
    return [
        (part.source, np.sort(numbers[origin == number]).tolist())
        for number, part in enumerate(table.parts)
        if (origin == number).any()
    ]
