"""Which rows can be used: each needs a text or picture to read and a target to learn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from journeyman.data.box_mending import boxed
from journeyman.data.boxes import boxes_of
from journeyman.data.options import DataOptions
from journeyman.data.picture_rows import pictured
from journeyman.data.record import Event, Record, Refused
from journeyman.data.target import number, ratings_of, several_labels, soft_weights
from journeyman.data.tokens import repair, token_row
from journeyman.errors import DataError
from journeyman.types import TargetKind


def admit(
    events: Iterable[Event],
    data: DataOptions,
    kind: TargetKind | None = None,
    *,
    folder: Path | None = None,
) -> Iterator[Event]:
    """Pass on what a reader yields; rows without usable input or target become refused ones.

    Token rows gain `text` and `offsets`, and their tags are made valid BIO. Pictures are read;
    relative paths of them start at `folder`, the current one when absent; boxes in them are mended.
    """
    judged = _judged(events, data, kind)
    if data.image is None:
        return judged
    read = pictured(judged, data.image, folder or Path.cwd())
    return read if data.boxes is None else boxed(read, data.boxes)


def _judged(events: Iterable[Event], data: DataOptions, kind: TargetKind | None) -> Iterator[Event]:
    for event in events:
        if not isinstance(event, Record):
            yield event
            continue
        if data.tags is not None and "offsets" not in event.values:
            yield from _tokens(event, data, kind)
        else:
            yield _judge(event, data, kind)


def _tokens(record: Record, data: DataOptions, kind: TargetKind | None) -> Iterator[Event]:
    values = record.values
    row = token_row(values.get(data.tokens or "tokens"), values.get(data.tags or "tags"))
    if isinstance(row, str):
        yield Refused(record.row, "bad_tokens", row, values)
        return
    made, repairs = row
    for name in repairs:
        yield repair(record.row, name)
    yield _judge(Record(record.row, {**values, **made}), data, kind)


def _judge(record: Record, data: DataOptions, kind: TargetKind | None) -> Event:
    values = record.values
    for name in data.texts:
        text, is_path = values.get(name), name == data.image
        if type(text) is not str and text is not None:
            wanted = "the path of a picture" if is_path else "text"
            reason = f"Column {name!r} holds {_type(text)}, not {wanted}."
            return Refused(record.row, "no_picture" if is_path else "not_text", reason, values)
        if not text or text.isspace():
            said = "no_picture" if is_path else "empty_text"
            return Refused(record.row, said, f"Column {name!r} is empty.", values)
    if data.id is not None and _blank(values.get(data.id)):
        return Refused(record.row, "no_id", f"The id column {data.id!r} is empty.", values)
    if data.ratings is not None and ratings_of(values.get(data.ratings)) is None:
        said = str(values[data.ratings])[:40]
        reason = f"Column {data.ratings!r} holds {said!r}, which is no list of numbers."
        return Refused(record.row, "bad_ratings", reason, values)
    if data.boxes is not None:
        try:
            boxes_of(values.get(data.boxes))
        except DataError as error:
            reason = f"{error.problem.removesuffix('.')}: {error.found}."
            return Refused(record.row, "bad_boxes", reason, values)
    reason = _target(values, data, kind)
    return Refused(record.row, "no_target", reason, values) if reason else record


def _target(values: dict[str, Any], data: DataOptions, kind: TargetKind | None) -> str:
    """Why the row's target cannot be learned; empty when it can."""
    if data.label is not None:
        label = values.get(data.label)
        several = data.label_separator or isinstance(label, list) or kind == "labels"
        if label is None or (_blank(label) and not several):
            return f"The label column {data.label!r} is empty."
        if kind == "value" and math.isnan(number(label)):
            return f"The label {str(label)[:40]!r} is not a number."
        if several:
            several_labels(label, data.label_separator)
    if data.soft_label is not None and not soft_weights(values.get(data.soft_label)):
        return f"Column {data.soft_label!r} holds no label weights."
    return ""


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _type(value: Any) -> str:
    names = {int: "a number", float: "a number", bool: "true or false", list: "a list"}
    return names.get(type(value), "an object")
