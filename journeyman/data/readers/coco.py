"""COCO: one JSON file of pictures, boxes and categories (Lin et al., "Microsoft COCO", 2014)."""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.data.options import DataOptions
from journeyman.data.readers.box_columns import box_columns
from journeyman.data.readers.coco_files import (
    LISTS,
    coco_files,
    coco_splits,
    is_named,
    looks_like_coco,
)
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.textfile import locate, opened
from journeyman.data.record import Event, Noticed, Record, Refused
from journeyman.errors import DataError

_SAMPLE = 20
"""Pictures that are looked for to find out which folder they stand in."""
_EXPECTED = "one JSON object with the lists images, annotations and categories"


@READERS.register("coco")
class CocoReader:
    """A row an image of the file, or of the training file in a folder; paths start at the file, or
    at a folder of pictures beside it."""

    suffixes: tuple[str, ...] = ()

    def matches(self, source: str, start: bytes) -> bool:
        """Whether the file is COCO's, or such a file stands in the folder."""
        path = locate(source)
        return bool(coco_files(path)) if path.is_dir() else looks_like_coco(start)

    def files(self, source: str) -> Iterator[Path]:
        """The file, and the pictures that it lists."""
        said = _Said.read(source)
        yield _file(source)
        for image in said.images:
            if is_named(image):
                yield said.pictures.path(image["file_name"])

    def splits(self, source: str) -> Mapping[str, str]:
        """Of a folder, the files that are splits of a recipe."""
        path = locate(source)
        found = coco_splits(path) if path.is_dir() else {}
        return {role: str(file) for role, file in found.items()}

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield the images of the file, numbered from 1; the id is the image's own.

        Boxes of crowds are difficult. Raises DataError for a file that is not laid out so.
        """
        said = _Said.read(source)
        yield from _passed_over(source)
        columns = box_columns(options)
        seen: set[Any] = set()
        for row, image in enumerate(said.images, 1):
            number = image.get("id") if isinstance(image, Mapping) else None
            yield said.row(row, image, columns, again=_key(number) in seen)
            if number is not None:
                seen.add(_key(number))
        for image_id, lost in said.annotations.items():
            if image_id not in seen:
                detail = "Annotations of images that the file does not list, the first of image "
                for _ in lost:
                    yield Noticed(0, "no_such_image", f"{detail}{image_id}.", "passed over")


@dataclass(frozen=True)
class _Pictures:
    """Where the pictures stand: in `folder`, by their whole name or by its last part alone."""

    folder: Path
    bare: bool

    def path(self, name: str) -> Path:
        return Path(os.path.normpath(self.folder / (Path(name).name if self.bare else name)))


@dataclass(frozen=True)
class _Said:
    """The content of a file, its annotations by image."""

    images: Sequence[Any]
    annotations: Mapping[str, list[Any]]
    names: Mapping[str, str]
    pictures: _Pictures

    @classmethod
    def read(cls, source: str) -> _Said:
        path = _file(source)
        content = _content(path, source)
        by_image: defaultdict[str, list[Any]] = defaultdict(list)
        for each in content["annotations"]:
            by_image[_key(each.get("image_id") if isinstance(each, Mapping) else None)].append(each)
        names = _names(content["categories"], source)
        listed = [i["file_name"] for i in content["images"][:_SAMPLE] if is_named(i)]
        return cls(content["images"], by_image, names, _pictures(path, listed))

    def row(self, row: int, image: Any, columns: Mapping[str, str], *, again: bool) -> Event:
        if not is_named(image) or image.get("id") is None:
            reason = "The image has no id or no file_name."
            return Refused(row, "bad_annotation", reason, image)
        number = _key(image["id"])
        values: dict[str, Any] = {
            columns["image"]: str(self.pictures.path(image["file_name"])),
            columns["id"]: number,
        }
        if again:
            reason = f"The image id {number} stands at an earlier image as well."
            return Refused(row, "bad_annotation", reason, values)
        try:
            boxes = [self._box(each) for each in self.annotations.get(number, ())]
        except ValueError as error:
            return Refused(row, "bad_annotation", f"{error}.", values)
        stated = (_whole(image.get("width")), _whole(image.get("height")))
        return Record(row, {**values, columns["boxes"]: boxes}, stated=stated)

    def _box(self, each: Mapping[str, Any]) -> dict[str, Any]:
        box, category = each.get("bbox"), _key(each.get("category_id"))
        which = f"Annotation {each.get('id', '')}".rstrip()
        if category not in self.names:
            raise ValueError(f"{which} is of the category {category}, which has no name")
        if not isinstance(box, list) or len(box) != 4:
            raise ValueError(f"{which} has no bbox of four numbers")
        difficult = bool(each.get("iscrowd") or each.get("ignore"))
        said = {"box": box, "label": self.names[category]}
        return {**said, "difficult": True} if difficult else said


def _file(source: str) -> Path:
    """The file; of a folder, the training one or the only one. Raises DataError where none is."""
    path = locate(source)
    if not path.is_dir():
        return path
    found, usual = coco_files(path), coco_splits(path).get("train")
    if usual is None and len(found) != 1:
        names = ", ".join(file.name for file in found) or "none in the folder"
        raise _refusal(source, names, "Name the JSON file.")
    return usual or found[0]


def _passed_over(source: str) -> Iterator[Event]:
    """The other files of a folder."""
    path, read = locate(source), _file(source)
    others = [file.name for file in coco_files(path) if file != read] if path.is_dir() else []
    if others:
        detail = f"Of the COCO files in the folder, {read.name} is read, not {', '.join(others)}."
        yield Noticed(0, "other_parts", detail, "name another file in its place")


def _content(path: Path, source: str) -> dict[str, list[Any]]:
    try:
        with opened(path) as file:
            content = json.loads(file.read().removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise _refusal(source, f"no JSON: {error}", "Write or fetch the file again.") from error
    if isinstance(content, list):
        told = "a list, as files of results are"
        raise _refusal(source, told, "Name the file of annotations that the results are of.")
    found = {name: content.get(name, []) for name in LISTS} if isinstance(content, dict) else {}
    if not found or not isinstance(content.get("images"), list):
        named = ", ".join(map(repr, list(content)[:10])) if isinstance(content, dict) else "none"
        raise _refusal(source, f"the keys {named}", "Name a COCO file of object instances.")
    for name, each in found.items():
        if not isinstance(each, list):
            raise _refusal(source, f"{name} that is no list", "Write the file again.")
    return found


def _names(categories: Sequence[Any], source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in categories:
        name = each.get("name") if isinstance(each, Mapping) else None
        if not isinstance(name, str) or not name.strip() or each.get("id") is None:
            told = f"the category {str(each)[:60]}"
            raise _refusal(source, told, "Give each category an id and a name.")
        if found.setdefault(_key(each["id"]), name.strip()) != name.strip():
            told = f"two categories of the id {each['id']}"
            raise _refusal(source, told, "Give each category an id of its own.")
    return found


def _pictures(path: Path, names: Sequence[str]) -> _Pictures:
    """The folder, of those usual beside a COCO file, in which most of the pictures named are."""
    counts: Counter[_Pictures] = Counter()
    for folder in _folders(Path(os.path.abspath(path))):
        for bare in (False, True):
            place = _Pictures(folder, bare)
            counts[place] = sum(place.path(name).is_file() for name in names)
    best, number = counts.most_common(1)[0]
    return best if number else _Pictures(Path(os.path.abspath(path)).parent, False)


def _folders(path: Path) -> Iterator[Path]:
    """Beside the file and one up: the folder, `images/`, and those that its name names."""
    words = [word for word in re.split(r"[\W_]+", path.stem) if word]
    named = ["", "images", *words, *(f"images/{word}" for word in words)]
    for base in (path.parent, path.parent.parent):
        yield from (base / name for name in named if (base / name).is_dir())


def _key(number: Any) -> str:
    """An id as text: 7 and "7" are one."""
    return str(number)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _refusal(source: str, found: str, remedy: str) -> DataError:
    return DataError(
        "The file is not laid out as COCO's.", place=source, expected=_EXPECTED, found=found,
        remedy=remedy,
    )  # fmt: skip
