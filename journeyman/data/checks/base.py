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

    Before splitting only `train` and the splits with files of their own are there.
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
    """A finding about some rows of one table."""
    rows = np.sort(table.row_numbers[positions])
    return Finding(
        name=name,
        severity=severity,
        count=len(positions),
        rows=tuple(rows[:SHOWN_ROWS].tolist()),
        source=table.source,
        detail=detail,
        action=action,
    )
