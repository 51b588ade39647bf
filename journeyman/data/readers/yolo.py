"""YOLO: a text file a picture, each line a class and a box in shares of the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from journeyman.data.options import DataOptions
from journeyman.data.pictures import PictureError, picture_size
from journeyman.data.readers.box_columns import (
    box_columns,
    chosen_split,
    other_splits,
    roles_of,
)
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.textfile import locate
from journeyman.data.readers.yolo_layout import YoloLayout, layout_of
from journeyman.data.record import Event, Noticed, Record, Refused
from journeyman.errors import DataError

_EXPECTED = "a data.yaml, or a folder with one, or with images/ and labels/"
_MOST = 1 << 24
_BEYOND = 2.0
"""A share of the picture above this is none: the numbers are pixels."""


@READERS.register("yolo")
class YoloReader:
    """A folder as YOLO lays it out, or its data.yaml; `FOLDER#train` is one part of it."""

    suffixes: tuple[str, ...] = ()

    def matches(self, source: str, start: bytes) -> bool:
        """Whether there is a description of a YOLO dataset, or its folders."""
        return layout_of(locate(source)) is not None

    def files(self, source: str) -> Iterator[Path]:
        """The pictures of the part that is read, and their label files."""
        layout = _layout(source)
        for picture in layout.pictures(chosen_split(source, layout.parts)):
            yield picture
            yield layout.label_file(picture)

    def splits(self, source: str) -> Mapping[str, str]:
        """The parts that are splits of a recipe, as sources."""
        return roles_of(source, _layout(source).parts)

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield a row a picture, by path; ids are paths below the folder.

        A picture without a label file has nothing in it. Raises DataError for another layout, a
        part that is not there, and one without pictures.
        """
        layout = _layout(source)
        part = chosen_split(source, layout.parts)
        yield from other_splits(source, part, layout.parts)
        if layout.names is None:
            detail = "Nothing names the classes (names in data.yaml, or classes.txt)."
            yield Noticed(0, "no_class_names", detail, "labels are the classes' numbers")
        columns = box_columns(options)
        row = 0
        for row, picture in enumerate(layout.pictures(part), 1):
            yield _row(row, picture, layout, columns)
        if not row:
            places = ", ".join(map(str, layout.parts[part]))
            raise DataError(
                "There are no pictures to read.", place=source, expected="pictures in " + places,
                found="none", remedy="Check the paths in data.yaml, or those of the pictures.",
            )  # fmt: skip


def _layout(source: str) -> YoloLayout:
    found = layout_of(locate(source))
    if found is not None and found.parts:
        return found
    raise DataError(
        "The data is not laid out as YOLO's.", place=source, expected=_EXPECTED,
        found="no part in data.yaml" if found is not None else "none of these",
        remedy="Check the path, or leave data.format out.",
    )  # fmt: skip


def _row(row: int, picture: Path, layout: YoloLayout, columns: Mapping[str, str]) -> Event:
    inside = picture.is_relative_to(layout.root)
    name = picture.relative_to(layout.root).as_posix() if inside else str(picture)
    values: dict[str, Any] = {columns["image"]: str(picture), columns["id"]: name}
    file = layout.label_file(picture)
    try:
        boxes = _boxes(file, picture, layout.names)
    except PictureError as error:
        reason = f"{error.problem.removesuffix('.')}: {error.found} ({picture})."
        return Refused(row, error.name, reason, values)
    except (ValueError, OSError) as error:
        return Refused(row, "bad_annotation", f"{file.name}: {error}.", values)
    return Record(row, {**values, columns["boxes"]: boxes})


def _boxes(file: Path, picture: Path, names: Mapping[int, str] | None) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    with file.open("rb") as opened:
        text = opened.read(_MOST).decode("utf-8-sig", "replace")
    lines = [(at, line.split()) for at, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        return []
    width, height = picture_size(picture)
    found = []
    for at, cells in lines:
        x, y, wide, high = _shares(at, cells)
        box = [(x - wide / 2) * width, (y - high / 2) * height, wide * width, high * height]
        found.append({"box": box, "label": _label(at, cells[0], names)})
    return found


def _shares(at: int, cells: list[str]) -> tuple[float, float, float, float]:
    """Centre and sides; of an outline, those of the box around it. A sixth cell is a score."""
    try:
        numbers = [float(cell) for cell in cells[1:]]
    except ValueError as error:
        raise ValueError(f"line {at} holds something other than numbers") from error
    if not all(math.isfinite(number) and abs(number) <= _BEYOND for number in numbers):
        raise ValueError(f"line {at} holds no shares of the picture, from 0 to 1")
    if len(numbers) in (4, 5):
        return (numbers[0], numbers[1], numbers[2], numbers[3])
    if len(numbers) < 6 or len(numbers) % 2:
        raise ValueError(f"line {at} has {len(cells)} cells, not a class and four numbers")
    across, down = numbers[::2], numbers[1::2]
    wide, high = max(across) - min(across), max(down) - min(down)
    return (min(across) + wide / 2, min(down) + high / 2, wide, high)


def _label(at: int, cell: str, names: Mapping[int, str] | None) -> str:
    try:
        number = int(cell.removesuffix(".0"))
    except ValueError as error:
        raise ValueError(f"line {at} begins with {cell[:40]!r}, not a class's number") from error
    if names is None:
        return str(number)
    if number not in names:
        raise ValueError(f"line {at} is of class {number}, and there are {len(names)} names")
    return names[number]
