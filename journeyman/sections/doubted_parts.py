"""What is doubted within a row, to be seen: marked spans of a text, boxes drawn in a picture."""

from __future__ import annotations

from typing import Any

from journeyman.audits.base import AuditedRow
from journeyman.data.pictures import PictureError, read_picture
from journeyman.explainers.overlay import data_uri
from journeyman.export.lettering import lettering_for
from journeyman.export.pictures import drawn
from journeyman.section import Mark
from journeyman.types import ScoredBox

WIDE = 360
"""Pixels of the longer side of a picture with boxes."""
PLAIN, DOUBTED, LIKELY = "given", "doubted", "likely"
COLOURS = {PLAIN: "#8a8a8a", DOUBTED: "#de7814", LIKELY: "#1c70be"}
"""Of boxes as given, of those in doubt, and of those that are likely in their place."""


def marks_of(row: AuditedRow, side: str) -> tuple[Mark, ...]:
    """The spans of one `side`, given or likely, those in doubt told apart; none of other rows."""
    spans = getattr(row, side)
    if not _has(spans, "start"):
        return ()
    doubted = [part[side] for part in row.parts]
    return tuple(
        Mark(start=each["start"], end=each["end"], label=each["label"], doubted=each in doubted)
        for each in spans
    )


def boxed(row: AuditedRow) -> str:
    """An address that holds the picture under its boxes; empty where it can't be read, or where
    the row has no boxes."""
    if not (_has(row.given, "box") or _has(row.likely, "box")):
        return ""
    try:
        picture = read_picture(row.text)
    except PictureError:
        return ""
    doubted = [part["given"] for part in row.parts if part["given"] is not None]
    plain = [box for box in row.given if box not in doubted]
    told = [(PLAIN, box, 0.0) for box in plain]
    for part in row.parts:
        for name, side in ((DOUBTED, "given"), (LIKELY, "likely")):
            told += [(name, part[side], part["score"])] if part[side] is not None else []
    boxes = [ScoredBox(tuple(b["box"]), f"{name}: {b['label']}", score) for name, b, score in told]
    colours = {box.label: COLOURS[box.label.split(":", 1)[0]] for box in boxes}
    image = drawn(picture, boxes, colours, lettering_for(sorted(colours)))
    image.thumbnail((WIDE, WIDE))
    return data_uri(image)


def told(value: Any) -> str:
    """A span or a box as words."""
    return f"{value['text']} ({value['label']})" if "text" in value else str(value["label"])


def _has(value: Any, name: str) -> bool:
    """Whether the value is a list of spans, or of boxes."""
    return (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict) and name in value[0]
    )
