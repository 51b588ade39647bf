"""What a cell looks like that nobody filled in: no text, or no label."""

from __future__ import annotations

import math
from typing import Any

from journeyman.types import TargetKind

MARKS = frozenset({"nan", "na", "n/a", "#n/a", "null", "none", "nil", "-", "--", "?", "."})
"""What stands for no number in tables of numbers; among labels any of them may be a class."""


def absent(cell: Any) -> bool:
    """Whether a cell holds nothing: null, NaN, or no more than white space."""
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def unlabelled(cell: Any, kind: TargetKind | None, *, several: bool = False) -> bool:
    """Whether a cell of labels says that the row has not been labelled.

    Where a row may have `several` labels, an empty cell or list is an answer: none of them holds.
    Of tags, an empty list is none, since a text has words.
    """
    if isinstance(cell, str) and not cell.strip():
        return not several
    if kind == "tags" and (cell == [] or (isinstance(cell, str) and cell.strip() == "[]")):
        return True
    if kind == "value" and isinstance(cell, str):
        return cell.strip().casefold() in MARKS
    return absent(cell)
