"""Boxes against the true size of their picture: what can be put right is, and each kind is told.

An annotation may state the size of the picture as the file holds it, before EXIF rotation; its
boxes are then turned as the picture is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from journeyman.data.boxes import boxes_of, cell_of
from journeyman.data.pictures import PictureFacts
from journeyman.data.record import Event, Noticed, Record
from journeyman.types import BoxSides, LabelledBox

LEAST_SIDE = 1.0
"""Pixels a side of a box must have to show anything."""

_ROUNDED = 0.5
"""Pixels by which rounding may carry a box over the edge without a word."""

_TURNED = 5
"""EXIF orientations from here on exchange width and height."""

_TOLD = {
    "swapped_boxes": ("whose corners are exchanged, or whose sides are negative", "put right"),
    "clipped_boxes": ("that reach out of their picture", "clipped to the picture"),
    "empty_boxes": ("of less than a pixel, or outside of their picture", "the boxes are left out"),
    "repeated_boxes": ("that stand twice with the same label", "the first of each is kept"),
    "turned_boxes": (
        "that were drawn before the picture's EXIF rotation", "turned as the picture is",
    ),
}  # fmt: skip


def boxed(events: Iterable[Event], column: str) -> Iterator[Event]:
    """Pass on events; the boxes in `column` of rows whose picture was read are mended.

    Each kind of mending is noticed once a row, before it.
    """
    for event in events:
        if isinstance(event, Record) and event.picture is not None:
            yield from _mended_row(event, event.picture, column)
        else:
            yield event


def mended(
    boxes: Iterable[LabelledBox], width: int, height: int
) -> tuple[tuple[LabelledBox, ...], tuple[str, ...]]:
    """Boxes inside a picture of `width` x `height` pixels, and the names of what was mended.

    Corners are put in order, boxes clipped; what then has a side under a pixel goes, and so does a
    box that repeats an earlier one with its label.
    """
    kept: dict[tuple[BoxSides, str], LabelledBox] = {}
    names = dict.fromkeys(_TOLD, False)
    for each in boxes:
        ordered = _ordered(each.box)
        names["swapped_boxes"] |= ordered != each.box
        clipped, over = _clipped(ordered, width, height)
        if min(clipped[2:]) < LEAST_SIDE:
            names["empty_boxes"] = True
            continue
        names["clipped_boxes"] |= over > _ROUNDED
        known = kept.get((clipped, each.label))
        names["repeated_boxes"] |= known is not None
        difficult = each.difficult and (known is None or known.difficult)
        kept[clipped, each.label] = replace(each, box=clipped, difficult=difficult)
    return tuple(kept.values()), tuple(name for name, done in names.items() if done)


def turned(box: BoxSides, orientation: int, size: tuple[int, int]) -> BoxSides:
    """Where a box of a picture as its file holds it, `size` pixels, is after EXIF rotation.

    `orientation` is 5 to 8, the tags that exchange width and height.
    """
    x, y, width, height = box
    right, below = size[0] - x - width, size[1] - y - height
    corner = {5: (y, x), 6: (below, x), 7: (below, right), 8: (y, right)}[orientation]
    return (*corner, height, width)


def _mended_row(record: Record, facts: PictureFacts, column: str) -> Iterator[Event]:
    boxes = boxes_of(record.values.get(column))
    size, names = (facts.width, facts.height), []
    stated = record.stated if record.stated is not None and min(record.stated) > 0 else None
    if stated not in (None, size):
        if stated == size[::-1] and facts.orientation >= _TURNED:
            boxes = tuple(
                replace(each, box=turned(each.box, facts.orientation, stated)) for each in boxes
            )
            names.append("turned_boxes")
        else:
            yield _wrong_size(record, size)
    found, others = mended(boxes, *size)
    for name in [*names, *others]:
        what, action = _TOLD[name]
        yield Noticed(record.row, name, f"Rows with boxes {what}.", action)
    yield replace(record, values={**record.values, column: cell_of(found)})


def _wrong_size(record: Record, size: tuple[int, int]) -> Noticed:
    width, height = record.stated or (0, 0)
    detail = "Rows whose annotation states another size than their picture has, the first "
    detail += f"{width} x {height} for {size[0]} x {size[1]} pixels."
    return Noticed(record.row, "stated_size", detail, "boxes used as they are; look at some", True)


def _ordered(box: BoxSides) -> BoxSides:
    x, y, width, height = box
    return (min(x, x + width), min(y, y + height), abs(width), abs(height))


def _clipped(box: BoxSides, width: int, height: int) -> tuple[BoxSides, float]:
    """The part of a box inside the picture, and by how many pixels it reached out.

    Of a box that is inside, not a digit changes.
    """
    x, y, wide, high = box
    right, bottom = x + wide, y + high
    over = max(-x, -y, right - width, bottom - height)
    if over <= 0:
        return box, 0.0
    left, top = max(x, 0.0), max(y, 0.0)
    return (left, top, min(right, float(width)) - left, min(bottom, float(height)) - top), over
