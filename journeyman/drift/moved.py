"""What moved: of all slices of the rows, those whose share changed most.

A slice is a value of a column, or the answer that rows were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

VALUES = 30
"""Values of a column above which it says what each row is, not to which slice it belongs."""
TOLD = 5


@dataclass(frozen=True)
class Moved:
    """A slice, its share before and now, and by how many standard errors it moved."""

    column: str
    value: str
    before: float
    now: float
    errors: float

    def __str__(self) -> str:
        return f"{self.column} {self.value}: {self.before:.0%} before, {self.now:.0%} now"

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "errors": round(self.errors, 1)}


class Shares:
    """How many rows there were of each value of each column; columns of too many values are
    dropped, so that it stays small."""

    def __init__(self, counts: Mapping[str, Mapping[str, int]] | None = None) -> None:
        self.counts = {name: Counter(values) for name, values in (counts or {}).items()}
        self.dropped: set[str] = set()

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Count the values of rows: texts of up to 40 characters, whole numbers, yes and no."""
        for row in rows:
            for column, value in row.items():
                if column in self.dropped or not isinstance(value, str | int | bool):
                    continue
                if len(str(value)) > 40:
                    self._drop(column)
                    continue
                seen = self.counts.setdefault(column, Counter())
                seen[str(value)] += 1
                if len(seen) > VALUES:
                    self._drop(column)

    def _drop(self, column: str) -> None:
        self.dropped.add(column)
        self.counts.pop(column, None)


def moved(before: Shares, now: Shares, most: int = TOLD) -> list[Moved]:
    """The slices that moved by more than chance does, the most certain first."""
    found = []
    for column in sorted(set(now.counts) & set(before.counts)):
        one, other = before.counts[column], now.counts[column]
        m, n = sum(one.values()), sum(other.values())
        for value in sorted({*one, *other}):
            p, q = one[value] / m, other[value] / n
            pooled = (one[value] + other[value]) / (m + n)
            error = (max(pooled * (1 - pooled), 1e-9) * (1 / m + 1 / n)) ** 0.5
            if abs(q - p) > 3 * error:
                found.append(Moved(column, value, p, q, abs(q - p) / error))
    return sorted(found, key=lambda one: (-one.errors, one.column, one.value))[:most]
