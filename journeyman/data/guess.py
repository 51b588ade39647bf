"""Which column is the text or picture and which the label, from their names and content."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journeyman.data.boxes import looks_like_boxes
from journeyman.data.missing import MARKS, absent
from journeyman.data.pictures import looks_like_picture
from journeyman.data.target import looks_continuous, number
from journeyman.data.tokens import as_list, is_tag
from journeyman.types import Modality, TargetKind

_TEXT_NAMES = (
    "text sentence review content comment message utterance question query tweet instruction "
    "document body description headline title input 文本 评论 内容 正文 句子 标题 新闻标题"
).split()
_LABEL_NAMES = (
    "label labels sentiment intent category class target topic emotion polarity rating stars score "
    "tag y 标签 类别 情感 分类 正负面 意图"
).split()

_PROSE = 4
"""Words on average from which a varied column is there to be read."""


@dataclass(frozen=True)
class Column:
    """What the sampled cells of one column look like."""

    name: str
    filled: int
    distinct: int
    characters: float
    words: float
    numeric: bool
    sample: tuple[Any, ...]


@dataclass(frozen=True)
class Guess:
    """The guessed columns (None where there is none), the kind of target, and why."""

    text: str | None
    label: str | None
    tokens: str | None
    tags: str | None
    kind: TargetKind | None
    label_separator: str | None
    classes: int | None
    reasons: tuple[str, ...]
    image: str | None = None
    boxes: str | None = None


def profile(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Describe each column of some rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [_column(name, [row.get(name) for row in rows]) for name in names]


def _column(name: str, cells: list[Any]) -> Column:
    filled = _without_marks([cell for cell in cells if not absent(cell)])
    texts = [str(cell) for cell in filled]
    count = max(1, len(texts))
    return Column(
        name=name,
        filled=len(texts),
        distinct=len(set(texts)),
        characters=sum(map(len, texts)) / count,
        words=sum(len(text.split()) for text in texts) / count,
        numeric=bool(texts) and all(number(text) == number(text) for text in texts[:2000]),
        sample=tuple(filled[:2000]),
    )


def _without_marks(cells: list[Any]) -> list[Any]:
    """Cells without what stands for a missing number, where all others are numbers."""
    plain = [cell for cell in cells if str(cell).strip().casefold() not in MARKS]
    numbers = bool(plain) and all(number(cell) == number(cell) for cell in plain[:2000])
    return plain if numbers else cells


def guess_columns(
    columns: Sequence[Column],
    text: str | None = None,
    label: str | None = None,
    *,
    image: str | None = None,
    modality: Modality | None = None,
    kind: TargetKind | None = None,
) -> Guess:
    """Guess what is not given; `modality` and `kind` are those of the task, where it is known."""
    if text is None and label is None and modality != "text" and kind in (None, "boxes"):
        found = _boxes(columns, image)
        if found is not None:
            return found
    tagged = _tagged(columns) if image is None and modality != "image" else None
    if tagged is not None and label is None:
        tokens, tags = tagged
        reason = f"Column {tags!r} holds one tag for each token in {tokens!r}."
        return Guess(None, None, tokens, tags, "tags", None, None, (reason,))
    reasons: list[str] = []
    if image is None and text is None and modality != "text":
        image = _tell(_image(columns, label, modality), "picture", reasons)
    if image is None and text is None and modality != "image":
        text = _tell(_text(columns, label), "text", reasons)
    if label is None:
        label = _tell(_label(columns, image or text), "label", reasons)
    by_name = {column.name: column for column in columns}
    if label is None or label not in by_name:
        return Guess(text, label, None, None, None, None, None, tuple(reasons), image)
    column = by_name[label]
    seems, separator = _kind(column)
    classes = None if seems == "value" else column.distinct
    return Guess(text, label, None, None, seems, separator, classes, tuple(reasons), image)


def _boxes(columns: Sequence[Column], image: str | None) -> Guess | None:
    """A column of boxes beside one of pictures."""
    boxes = next((column for column in columns if looks_like_boxes(column.sample)), None)
    if boxes is None:
        return None
    reasons: list[str] = []
    if image is None:
        image = _tell(_image(columns, boxes.name, "image"), "picture", reasons)
    if image is None:
        return None
    reasons.append(f"Column {boxes.name!r} holds the boxes in each picture, with their labels.")
    return Guess(
        None, None, None, None, "boxes", None, None, tuple(reasons), image, boxes=boxes.name
    )


def _tell(found: tuple[Column, str] | None, what: str, reasons: list[str]) -> str | None:
    if found is None:
        return None
    column, reason = found
    reasons.append(f"Column {column.name!r} is taken as the {what}: {reason}.")
    return column.name


def _image(
    columns: Sequence[Column], label: str | None, modality: Modality | None
) -> tuple[Column, str] | None:
    """A column of paths of pictures, where no other column is there to be read."""
    for column in columns:
        if column.name == label or not column.filled:
            continue
        named = sum(looks_like_picture(str(cell).strip()) for cell in column.sample)
        if named < 0.9 * len(column.sample):
            continue
        read = [other for other in columns if other is not column and _is_prose(other)]
        if modality == "image" or not read:
            return column, "its cells are the paths of picture files"
    return None


def _is_prose(column: Column) -> bool:
    return not column.numeric and column.words >= _PROSE and column.distinct > column.filled / 2


def _text(columns: Sequence[Column], label: str | None) -> tuple[Column, str] | None:
    """A usual name over cells that read as text, else the longest varied column."""
    able = [c for c in columns if c.name != label and c.filled and not c.numeric]
    able = [c for c in able if all(isinstance(cell, str) for cell in c.sample[:50])]
    varied = [c for c in able if c.distinct > 1] or able
    for name in _TEXT_NAMES:
        for column in varied:
            if _same(column.name, name) and column.distinct > column.filled / 20:
                return column, "its name is a usual one"
    if not varied:
        return None
    best = max(varied, key=lambda c: c.characters * (c.distinct / c.filled))
    return best, f"its cells are the longest that vary (about {best.characters:.0f} characters)"


def _label(columns: Sequence[Column], text: str | None) -> tuple[Column, str] | None:
    """A usual name with repeated short cells, else the column with the fewest distinct values."""
    able = [c for c in columns if c.name != text and c.distinct > 1 and c.characters < 100]
    for name in _LABEL_NAMES:
        for column in able:
            repeated = column.distinct <= max(2, column.filled / 2) or column.numeric
            if _same(column.name, name) and repeated:
                return column, f"its name is a usual one ({column.distinct} distinct values)"
    repeated_ones = [c for c in able if c.distinct <= min(200, max(2, c.filled / 2))]
    if not repeated_ones:
        return None
    # A column filled in some rows only describes those rows; a label is in all of them.
    best = max(repeated_ones, key=lambda c: (c.filled, -c.distinct))
    return best, f"it has {best.distinct} distinct values, the fewest of the filled columns"


def _kind(column: Column) -> tuple[TargetKind, str | None]:
    cells = list(column.sample)
    if cells and all(isinstance(cell, list) for cell in cells):
        return "labels", None
    if looks_continuous(cells):
        return "value", None
    texts = [str(cell) for cell in cells]
    for mark in ("|", ";", ","):
        parts = {part.strip() for text in texts for part in text.split(mark)}
        several = sum(mark in text for text in texts) / max(1, len(texts))
        if several > 0.05 and len(parts) < column.distinct and not any(" " in p for p in parts):
            return "labels", mark
    return "label", None


def _tagged(columns: Sequence[Column]) -> tuple[str, str] | None:
    """Two columns with lists of equal length, one of them all tags."""
    lists = {}
    for column in columns:
        parts = [as_list(cell) for cell in column.sample[:50]]
        if parts and all(part is not None for part in parts):
            lists[column.name] = [part or [] for part in parts]
    for tags, marks in lists.items():
        flat = [mark for part in marks for mark in part]
        if not flat or not all(map(is_tag, flat)) or all(mark == "O" for mark in flat):
            continue
        for tokens, words in lists.items():
            if tokens != tags and list(map(len, words)) == list(map(len, marks)):
                return tokens, tags
    return None


def _same(column: str, name: str) -> bool:
    """Whether a column's name is a usual one, alone or as one of its words."""
    spelled = re.sub(r"([a-z])([A-Z])", r"\1_\2", column).casefold()
    return spelled == name or name in re.split(r"[^\w]+|_", spelled)
