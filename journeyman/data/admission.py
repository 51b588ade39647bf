"""Which rows can be used: each needs a text or picture to read, and a target to learn or none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.data.box_mending import boxed
from journeyman.data.boxes import boxes_of
from journeyman.data.missing import absent, unlabelled
from journeyman.data.options import DataOptions
from journeyman.data.picture_rows import pictured
from journeyman.data.record import Event, Noticed, Record, Refused
from journeyman.data.target import number, ratings_of, several_labels, soft_weights
from journeyman.data.tokens import as_list, join_tokens, repair, token_row
from journeyman.errors import DataError
from journeyman.types import TargetKind

UNLABELLED = "no_label"
"""The notice of a row that has no label, and is kept to be learned from without one."""


@dataclass(frozen=True)
class _Rules:
    """What a row must have: the columns of `data`, a target of its `kind`, or none where rows
    without one are kept."""

    data: DataOptions
    kind: TargetKind | None
    keeps: bool


def admit(
    events: Iterable[Event],
    data: DataOptions,
    kind: TargetKind | None = None,
    *,
    folder: Path | None = None,
    keeps_unlabelled: bool = False,
) -> Iterator[Event]:
    """Pass on what a reader yields; rows without usable input or target become refused ones.

    Where `keeps_unlabelled`, a row whose target is missing stays, with null in the target's column.
    Of several text columns one must hold text; the others are empty text where nothing stands.

    Token rows gain `text` and `offsets`, and their tags are made valid BIO. Pictures are read;
    relative paths of them start at `folder`, the current one when absent; boxes in them are mended.
    """
    judged = _judged(events, _Rules(data, kind, keeps_unlabelled))
    if data.image is None:
        return judged
    read = pictured(judged, data.image, folder or Path.cwd())
    return read if data.boxes is None else boxed(read, data.boxes)


def _judged(events: Iterable[Event], rules: _Rules) -> Iterator[Event]:
    tags = rules.data.tags
    for event in events:
        if not isinstance(event, Record):
            yield event
        elif tags is None:
            yield from _judge(event, rules)
        elif rules.keeps and unlabelled(event.values.get(tags), "tags"):
            yield from _untagged(event, rules)
        elif "offsets" not in event.values:
            yield from _tokens(event, rules)
        else:
            yield from _judge(event, rules)


def _tokens(record: Record, rules: _Rules) -> Iterator[Event]:
    values, data = record.values, rules.data
    row = token_row(values.get(data.tokens or "tokens"), values.get(data.tags or "tags"))
    if isinstance(row, str):
        yield Refused(record.row, "bad_tokens", row, values)
        return
    made, repairs = row
    for name in repairs:
        yield repair(record.row, name)
    yield from _judge(Record(record.row, {**values, **made}), rules)


def _untagged(record: Record, rules: _Rules) -> Iterator[Event]:
    """A row of tokens that nobody tagged."""
    values, data = record.values, rules.data
    words = [word for word in as_list(values.get(data.tokens or "tokens")) or () if word.strip()]
    if not words:
        reason = "The row needs a list of tokens."
        yield Refused(record.row, "bad_tokens", reason, values)
        return
    text, offsets = join_tokens(words)
    made = {"tokens": words, data.tags or "tags": None, "text": text, "offsets": offsets}
    yield from _judge(Record(record.row, {**values, **made}), rules)


def _judge(record: Record, rules: _Rules) -> Iterator[Event]:
    """The row, with what is to be told of it, or why it cannot be used."""
    data, kind = rules.data, rules.kind
    values, blanks, reason = _texts(record, data)
    if reason is not None:
        yield reason
        return
    unusable = _other(record.row, values, data)
    if unusable is not None:
        yield unusable
        return
    column = _missing(values, data, kind) if rules.keeps else None
    if column is None and (why := _target(values, data, kind)):
        yield Refused(record.row, "no_target", why, values)
        return
    for name in blanks:
        detail, action = f"Rows with nothing in column {name!r}", "read from what they have"
        yield Noticed(record.row, f"empty_field {name}", detail, action, grave=True, counted=True)
    if column is not None:
        values = {**values, column: None}
        detail, action = f"Rows without a label in column {column!r}", "kept as unlabelled rows"
        yield Noticed(record.row, UNLABELLED, detail, action, grave=True, counted=True)
    yield Record(record.row, values, record.picture, record.stated)


def _texts(record: Record, data: DataOptions) -> tuple[dict[str, Any], list[str], Refused | None]:
    """The values with text in every text column, the columns where none stood, and what is wrong
    with them."""
    values, blanks = record.values, []
    for name in data.texts:
        text, is_path = values.get(name), name == data.image
        if absent(text):
            blanks.append(name)
        elif type(text) is not str:
            wanted = "the path of a picture" if is_path else "text"
            reason = f"Column {name!r} holds {_type(text)}, not {wanted}."
            said = "no_picture" if is_path else "not_text"
            return values, blanks, Refused(record.row, said, reason, values)
    if blanks and len(blanks) == len(data.texts):
        said = "empty_text" if data.image is None else "no_picture"
        several = f"Columns {' and '.join(map(repr, blanks))} are empty."
        reason = several if len(blanks) > 1 else f"Column {blanks[0]!r} is empty."
        return values, blanks, Refused(record.row, said, reason, values)
    if blanks:
        values = {**values, **dict.fromkeys(blanks, "")}
    return values, blanks, None


def _other(row: int, values: dict[str, Any], data: DataOptions) -> Refused | None:
    """What is wrong with the id, the ratings or the boxes of a row."""
    if data.id is not None and absent(values.get(data.id)):
        return Refused(row, "no_id", f"The id column {data.id!r} is empty.", values)
    if data.ratings is not None and ratings_of(values.get(data.ratings)) is None:
        said = str(values[data.ratings])[:40]
        reason = f"Column {data.ratings!r} holds {said!r}, which is no list of numbers."
        return Refused(row, "bad_ratings", reason, values)
    if data.boxes is not None:
        try:
            boxes_of(values.get(data.boxes))
        except DataError as error:
            reason = f"{error.problem.removesuffix('.')}: {error.found}."
            return Refused(row, "bad_boxes", reason, values)
    return None


def target_column(data: DataOptions) -> str | None:
    """The column by which a row has a label or none; None where boxes are learned, of which a
    picture may have none."""
    return data.tags or data.label or data.soft_label


def _missing(values: dict[str, Any], data: DataOptions, kind: TargetKind | None) -> str | None:
    """The column of a target that nobody gave."""
    column = target_column(data)
    if column is None:
        return None
    cell = values.get(column)
    several = data.tags is None and column == data.label and _several(cell, data, kind)
    own: TargetKind | None = "tags" if data.tags is not None else kind
    return column if unlabelled(cell, own, several=several) else None


def _several(label: Any, data: DataOptions, kind: TargetKind | None) -> bool:
    return bool(data.label_separator) or isinstance(label, list) or kind == "labels"


def _target(values: dict[str, Any], data: DataOptions, kind: TargetKind | None) -> str:
    """Why the row's target cannot be learned; empty when it can."""
    if data.tags is not None and values.get(data.tags) is None:
        return f"The tags in column {data.tags!r} are missing."
    if data.label is not None:
        label = values.get(data.label)
        several = _several(label, data, kind)
        if unlabelled(label, None, several=several):
            return f"The label column {data.label!r} is empty."
        if kind == "value" and math.isnan(number(label)):
            return f"The label {str(label)[:40]!r} is not a number."
        if several:
            several_labels(label, data.label_separator)
    if data.soft_label is not None and not soft_weights(values.get(data.soft_label)):
        return f"Column {data.soft_label!r} holds no label weights."
    return ""


def _type(value: Any) -> str:
    names = {int: "a number", float: "a number", bool: "true or false", list: "a list"}
    return names.get(type(value), "an object")
