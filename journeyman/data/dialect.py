"""How a CSV file is laid out: what separates its cells, and whether it names its columns."""

from __future__ import annotations

import contextlib
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_USUAL = "\t,;|"
_UNUSUAL = "@^~"
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?%?")


@dataclass(frozen=True)
class Dialect:
    """The separator of a CSV file, and whether its first line is a header."""

    delimiter: str
    header: bool


def detect_dialect(
    lines: Sequence[str], delimiter: str | None, header: bool | None, suffix: str
) -> Dialect:
    """Look at the first lines of a file; what is given is not guessed."""
    chosen = delimiter or _delimiter(lines, suffix)
    return Dialect(chosen, _has_header(_parse(lines, chosen)) if header is None else header)


def _parse(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        rows.extend(csv.reader(lines, delimiter=delimiter))
    return [row for row in rows if row]


def _consistency(rows: list[list[str]]) -> float:
    """The share of rows with as many cells as the first; 0 when that is a single one."""
    if not rows or len(rows[0]) < 2:
        return 0.0
    counts = Counter(map(len, rows))
    return counts[len(rows[0])] / len(rows)


def _delimiter(lines: Sequence[str], suffix: str) -> str:
    scores = {mark: _consistency(_parse(lines, mark)) for mark in _USUAL}
    expected = "\t" if suffix == ".tsv" else ","
    if scores[expected] >= 0.9:
        return expected
    best = max(scores, key=lambda mark: scores[mark])
    if scores[best] < 0.7 and suffix not in (".csv", ".tsv"):
        unusual = {mark: _consistency(_parse(lines, mark)) for mark in _UNUSUAL}
        rare = max(unusual, key=lambda mark: unusual[mark])
        if unusual[rare] >= 0.9:
            return rare
    return best if scores[best] > 0 else expected


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first line reads as names, and not as one more row."""
    if len(rows) < 2:
        return True
    first, others = rows[0], rows[1:]
    if any(len(cell) > 80 or _NUMBER.fullmatch(cell.strip()) for cell in first):
        return False
    for position, name in enumerate(first):
        values = [row[position] for row in others if position < len(row)]
        if name.strip() and name in values and len(set(values)) < len(values):
            return False
    return True
