"""Looking at a file to write a recipe for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from journeyman.data.boxes import boxes_of
from journeyman.data.dialect import detect_dialect
from journeyman.data.encoding import encoding_of
from journeyman.data.guess import Guess, guess_columns, profile
from journeyman.data.missing import absent, unlabelled
from journeyman.data.options import DataOptions
from journeyman.data.readers.box_columns import BOX_FORMATS, box_columns
from journeyman.data.readers.lines import numbered
from journeyman.data.readers.picture_folder import columns_of
from journeyman.data.readers.registry import READERS, Parted, read, reader_for
from journeyman.data.readers.textfile import locate, text_lines
from journeyman.data.record import Record, Refused
from journeyman.data.target import several_labels
from journeyman.errors import DataError
from journeyman.types import Modality, TargetKind

MAX_ROWS = 200_000
_OF_BOXES = ("The format says which boxes stand in each picture, with their labels.",)
_OF_A_FOLDER = ("Each subfolder is a class, and its name the label.",)
_STOP_WORDS = frozenset(
    "the a an of to and in is it i you for on that my this with was not be".split()
)


@dataclass(frozen=True)
class Sniffed:
    """What a file seems to be.

    `rows` counts usable rows, of the first 200,000 when `more`; `refused` those that cannot be
    read; `unlabelled` rows that lack a label. `classes` are labels with their rows, most frequent
    first (entity types for tags); empty for numbers; of boxes, labels with their boxes. `language`
    is en, zh or other. `splits` are the parts that stand beside the rows: split of a recipe and its
    source.
    """

    source: str
    format: str
    encoding: str | None
    encoding_reason: str
    delimiter: str | None
    header: bool | None
    columns: tuple[str, ...]
    rows: int
    more: bool
    refused: int
    text: str | None
    label: str | None
    tokens: str | None
    tags: str | None
    label_separator: str | None
    kind: TargetKind | None
    classes: tuple[tuple[str, int], ...]
    language: str
    reasons: tuple[str, ...]
    image: str | None = None
    boxes: str | None = None
    splits: tuple[tuple[str, str], ...] = ()
    unlabelled: int = 0

    def to_options(self) -> DataOptions:
        """The data options a recipe for this file has."""
        return DataOptions(
            train=self.source,
            text="text" if self.tags else self.text,
            image=self.image,
            boxes=self.boxes,
            label=None if self.tags else self.label,
            tokens=self.tokens,
            tags=self.tags,
            label_separator=self.label_separator,
        )


def sniff(
    path: str | Path,
    options: DataOptions | None = None,
    modality: Modality | None = None,
    target: TargetKind | None = None,
) -> Sniffed:
    """Look at a data file or folder: its encoding, layout, columns, and which to learn from which.

    What `options` names is not guessed; `modality` is what the task reads, `target` the kind of its
    targets, where that is known.
    Raises DataError when the file cannot be read as rows.
    """
    source = str(path)
    options = options or DataOptions(train=source)
    reader = reader_for(source, options)
    kind = next(name for name in READERS if READERS[name] is type(reader))
    events = list(islice(read(source, options), MAX_ROWS + 1))
    rows = [event.values for event in events if isinstance(event, Record)]
    unusable = sum(isinstance(event, Refused) for event in events)
    if unusable >= len(rows):
        raise DataError(
            "The data file does not read as rows.",
            place=source,
            expected="at least one row below the column names",
            found=f"{len(rows)} rows and {unusable} lines that cannot be used",
            remedy="Check the file, its separator and its encoding.",
        )
    if kind in BOX_FORMATS:
        guess = _of_boxes(options)
    else:
        guess = _guessed(rows, options, kind, modality, target)
    encoding, why = _encoding(source, kind, options)
    delimiter, header = _layout(source, kind, encoding, options)
    words = [str(row.get(guess.text or "text", "")) for row in rows[:2000]]
    return Sniffed(
        source=source, format=kind, encoding=encoding, encoding_reason=why, delimiter=delimiter,
        header=header, columns=tuple(dict.fromkeys(name for row in rows for name in row)),
        rows=len(rows), more=len(events) > MAX_ROWS, refused=unusable,
        text="text" if kind == "conll" else guess.text, label=guess.label, tokens=guess.tokens,
        tags=guess.tags, label_separator=options.label_separator or guess.label_separator,
        kind=guess.kind, classes=_classes(rows, guess), language=language(words),
        reasons=guess.reasons, image=guess.image, boxes=guess.boxes,
        splits=tuple(reader.splits(source).items()) if isinstance(reader, Parted) else (),
        unlabelled=_unlabelled(rows, guess),
    )  # fmt: skip


def _guessed(
    rows: list[dict[str, Any]], options: DataOptions, kind: str, modality: Modality | None,
    target: TargetKind | None,
) -> Guess:  # fmt: skip
    is_folder = kind == "picture-folder"
    given = options.texts[0] if options.text is not None else None
    guess = guess_columns(
        profile(rows),
        given,
        options.label or options.soft_label or ("label" if is_folder else None),
        image=columns_of(options)["image"] if is_folder and given is None else options.image,
        modality=modality,
        kind=target,
    )
    if is_folder:
        return replace(guess, kind="label", label_separator=None, reasons=_OF_A_FOLDER)
    return guess


def _of_boxes(options: DataOptions) -> Guess:
    """The columns that a format of boxes makes."""
    columns = box_columns(options)
    return Guess(
        None, None, None, None, "boxes", None, None, _OF_BOXES, columns["image"],
        boxes=columns["boxes"],
    )  # fmt: skip


def language(texts: Sequence[str]) -> str:
    """`zh` or `en` by script and stop words, else `other`."""
    joined = " ".join(texts)[:200_000]
    letters = sum(map(str.isalpha, joined)) or 1
    if len(re.findall(r"[\u3040-\u30ff\uac00-\ud7af]", joined)) > 0.05 * letters:
        return "other"
    if len(re.findall(r"[\u4e00-\u9fff]", joined)) > 0.3 * letters:
        return "zh"
    words = re.findall(r"[^\W\d_]+", joined.casefold())
    common = sum(word in _STOP_WORDS for word in words)
    return "en" if words and common > 0.08 * len(words) else "other"


def _encoding(source: str, kind: str, options: DataOptions) -> tuple[str | None, str]:
    if kind not in ("csv", "jsonl", "conll"):
        return None, "the format carries its own"
    found = encoding_of(locate(source), options.encoding)
    return found.name, found.reason


def _layout(
    source: str, kind: str, encoding: str | None, options: DataOptions
) -> tuple[str | None, bool | None]:
    if kind != "csv" or encoding is None:
        return None, None
    path = locate(source)
    with text_lines(path, encoding) as file:
        lines = [line.text for line in islice(numbered(file), 500) if not line.refused]
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    dialect = detect_dialect(
        lines, options.delimiter, options.header, suffixes[-1].lower() if suffixes else ""
    )
    return dialect.delimiter, dialect.header


def _classes(rows: list[dict[str, Any]], guess: Guess) -> tuple[tuple[str, int], ...]:
    counts: Counter[str] = Counter()
    if guess.boxes is not None:
        for row in rows:
            counts.update(_labels_in(row.get(guess.boxes)))
    elif guess.tags is not None:
        for row in rows:
            counts.update(tag[2:] for tag in row.get(guess.tags) or () if tag[:2] == "B-")
    elif guess.label is not None and guess.kind != "value":
        several = guess.kind != "label"
        for row in rows:
            cell = row.get(guess.label)
            if not absent(cell):
                names = several_labels(cell, guess.label_separator) if several else (str(cell),)
                counts.update(names)
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _unlabelled(rows: list[dict[str, Any]], guess: Guess) -> int:
    """Rows that lack a label or tags; a picture may have no box."""
    column = guess.tags or guess.label
    if column is None or guess.boxes is not None:
        return 0
    several = guess.kind == "labels"
    return sum(unlabelled(row.get(column), guess.kind, several=several) for row in rows)


def _labels_in(cell: Any) -> list[str]:
    try:
        return [box.label for box in boxes_of(cell)]
    except DataError:
        return []  # Its row is refused once the rows are read.
