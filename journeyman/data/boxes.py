"""The cell that says what stands in a picture: a list of boxes with labels, or its JSON text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from journeyman.errors import DataError
from journeyman.types import BoxSides, LabelledBox

_LOOKED_AT = 200
_EXPECTED = 'a list of {"box": [x, y, width, height], "label": "..."}, in pixels'


def boxes_of(cell: Any) -> tuple[LabelledBox, ...]:
    """The boxes of a cell, in its order; none for an empty list or a missing cell.

    A picture with nothing in it is a row to learn from. Raises DataError for anything but a list
    of boxes with four finite numbers and a label each.
    """
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return ()
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError) as error:
            raise _unusable("The boxes are not JSON.", f"{cell[:60]!r}") from error
    if cell is None:
        return ()
    if not isinstance(cell, Sequence) or isinstance(cell, str | bytes):
        raise _unusable("The boxes are no list.", _said(cell))
    return tuple(_box(number, each) for number, each in enumerate(cell, 1))


def cell_of(boxes: Sequence[LabelledBox]) -> list[dict[str, Any]]:
    """Boxes as a row holds them; `boxes_of` reads them back."""
    plain: list[dict[str, Any]] = [{"box": list(each.box), "label": each.label} for each in boxes]
    return [
        {**said, "difficult": True} if each.difficult else said
        for said, each in zip(plain, boxes, strict=True)
    ]


def looks_like_boxes(cells: Sequence[Any]) -> bool:
    """Whether a column's cells are boxes: all of those looked at, and one of them with a box."""
    some = False
    for cell in cells[:_LOOKED_AT]:
        if isinstance(cell, str) and cell.strip() and not cell.lstrip().startswith("["):
            return False
        try:
            some |= bool(boxes_of(cell))
        except DataError:
            return False
    return some


def _box(number: int, said: Any) -> LabelledBox:
    if not isinstance(said, Mapping):
        raise _unusable(f"Box {number} is no object.", _said(said))
    sides, label = said.get("box"), said.get("label")
    if isinstance(label, int | float) and not isinstance(label, bool):
        label = str(label)
    if not isinstance(label, str) or not label.strip():
        raise _unusable(f"Box {number} has no label.", f"label: {_said(label)}")
    numbers = _numbers(sides)
    if numbers is None:
        raise _unusable(f"Box {number} has no four numbers.", f"box: {_said(sides)}")
    return LabelledBox(numbers, label.strip(), said.get("difficult") in (True, 1, "1", "true"))


def _numbers(sides: Any) -> BoxSides | None:
    if not isinstance(sides, Sequence) or isinstance(sides, str | bytes) or len(sides) != 4:
        return None
    if any(isinstance(side, bool) or not isinstance(side, int | float) for side in sides):
        return None
    try:
        x, y, width, height = map(float, sides)
    except OverflowError:
        return None
    return (x, y, width, height) if all(map(math.isfinite, (x, y, width, height))) else None


def _said(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:60]


def _unusable(problem: str, found: str) -> DataError:
    return DataError(
        problem, place="the cell of boxes", expected=_EXPECTED, found=found,
        remedy="Write each box as its corner, its sides and a label, or [] for an empty picture.",
    )  # fmt: skip
