"""PASCAL VOC: a folder of XML annotations beside a folder of pictures, and lists of either."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from journeyman.data.options import DataOptions
from journeyman.data.pictures import looks_like_picture
from journeyman.data.readers.box_columns import (
    box_columns,
    chosen_split,
    folder_in,
    other_splits,
    roles_of,
)
from journeyman.data.readers.folder import files_in
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.textfile import locate, refuse
from journeyman.data.record import Event, Noticed, Record, Refused
from journeyman.errors import DataError
from journeyman.voc import MOST_BYTES, parse_voc

NOTES, PICTURES, LISTS = "Annotations", "JPEGImages", "ImageSets/Main"
_EXPECTED = f"a folder with {NOTES}/*.xml and {PICTURES}/, and lists in {LISTS}/NAME.txt if any"


@READERS.register("voc")
class VocReader:
    """A folder as PASCAL VOC lays it out; `FOLDER#train` is the list `ImageSets/Main/train.txt`."""

    suffixes: tuple[str, ...] = ()

    def matches(self, source: str, start: bytes) -> bool:
        """Whether the folder, or one in it, holds annotations as VOC names them."""
        path = locate(source)
        return path.is_dir() and bool(voc_folders(path))

    def files(self, source: str) -> Iterator[Path]:
        """Every file of the folder."""
        yield from files_in(locate(source))

    def splits(self, source: str) -> Mapping[str, str]:
        """The lists that are splits of a recipe, as sources."""
        return roles_of(source, _lists(_root(source)))

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield a row an annotation, in the order of the list, else by name; ids are file stems.

        Raises DataError for a folder that is not laid out so, and a list that is not there.
        """
        root = _root(source)
        lists = _lists(root)
        part = chosen_split(source, lists)
        yield from other_splits(source, part, lists)
        known = _annotated(root)
        stems = _listed(lists[part]) if part else sorted(known)
        if not stems:
            raise DataError(
                "There is nothing to read.", place=source, expected=_EXPECTED,
                found=f"an empty list {part}.txt" if part else f"no XML file in {NOTES}",
                remedy="Check that the folder is whole.",
            )  # fmt: skip
        pictures = _pictures(root)
        columns = box_columns(options)
        for row, stem in enumerate(stems, 1):
            yield _row(row, stem, root, known, pictures, columns)
        for stem in sorted(set(pictures) - set(known)) if not part else ():
            detail = f"Pictures without an annotation, such as {pictures[stem].name}."
            yield Noticed(0, "no_annotation", detail, "passed over")


def voc_folders(path: Path) -> list[Path]:
    """The folder itself where VOC's folders stand in it, else those in it of which it is so."""
    if _is_voc(path):
        return [path]
    try:
        return sorted(entry for entry in path.iterdir() if entry.is_dir() and _is_voc(entry))
    except OSError:
        return []


def _is_voc(path: Path) -> bool:
    notes = path / NOTES
    try:
        if not notes.is_dir():
            return False
        return (path / PICTURES).is_dir() or any(
            entry.suffix.lower() == ".xml" for entry in notes.iterdir()
        )
    except OSError:
        return False


def _root(source: str) -> Path:
    folder = folder_in(source, _EXPECTED)
    found = voc_folders(folder)
    if len(found) == 1:
        return found[0]
    raise DataError(
        "The folder is not laid out as PASCAL VOC's." if not found
        else "The folder holds several of PASCAL VOC's.",
        place=source, expected=_EXPECTED,
        found=", ".join(each.name for each in found) or "none of these folders in it",
        remedy=f"Name one of them, such as {found[0].name}." if found
        else "Check the path, or leave data.format out.",
    )  # fmt: skip


def _lists(root: Path) -> dict[str, Path]:
    """Lists by name; those of one class, `cat_train.txt` beside `train.txt`, are no splits."""
    folder = root / LISTS
    found = {path.stem: path for path in sorted(folder.glob("*.txt"))} if folder.is_dir() else {}
    return {name: path for name, path in found.items() if name.rpartition("_")[2] not in found
            or "_" not in name}  # fmt: skip


def _listed(path: Path) -> list[str]:
    """The first word of each line, or the line where it has more than that and a flag."""
    found = []
    for line in _content(path).decode("utf-8-sig", "replace").splitlines():
        words = line.split()
        flagged = len(words) == 2 and words[1] in ("1", "0", "-1")
        if words:
            found.append(words[0] if flagged else line.strip())
    return list(dict.fromkeys(found))


def _annotated(root: Path) -> dict[str, Path]:
    """XML files by stem."""
    notes = root / NOTES
    try:
        return {
            path.stem: path
            for path in sorted(notes.iterdir())
            if path.suffix.lower() == ".xml" and not path.name.startswith(".")
        }
    except OSError as error:
        refuse(str(notes), error)


def _pictures(root: Path) -> dict[str, Path]:
    """Pictures by stem."""
    folder = root / PICTURES
    if not folder.is_dir():
        return {}
    names = (entry.name for entry in os.scandir(folder))
    return {Path(name).stem: folder / name for name in sorted(names) if looks_like_picture(name)}


def _row(
    row: int, stem: str, root: Path, known: Mapping[str, Path], pictures: Mapping[str, Path],
    columns: Mapping[str, str],
) -> Event:  # fmt: skip
    left = {columns["id"]: stem}
    if stem not in known:
        reason = f"There is no {NOTES}/{stem}.xml."
        return Refused(row, "no_annotation", reason, left)
    try:
        said = parse_voc(_content(known[stem]))
    except (ValueError, DataError) as error:
        said_of_it = error.found if isinstance(error, DataError) else str(error)
        reason = f"{NOTES}/{known[stem].name}: {said_of_it}."
        return Refused(row, "bad_annotation", reason, left)
    picture = pictures.get(stem) or root / PICTURES / (Path(said.filename).name or f"{stem}.jpg")
    values = {columns["image"]: str(picture), columns["boxes"]: list(said.boxes), **left}
    return Record(row, values, stated=said.size)


def _content(path: Path) -> bytes:
    """The file's bytes, not many more than an annotation may have."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        refuse(str(path), error)
