"""A folder of pictures: a subfolder for each class, or, to be answered, in any layout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from journeyman.data.options import DataOptions
from journeyman.data.pictures import looks_like_picture
from journeyman.data.readers.coco_files import coco_files
from journeyman.data.readers.folder import files_in
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.saved import MARKS
from journeyman.data.readers.textfile import locate, refuse
from journeyman.data.readers.voc import voc_folders
from journeyman.data.readers.yolo_layout import layout_of
from journeyman.data.record import Event, Noticed, Record, Refused
from journeyman.errors import DataError

SPLITS = frozenset(("train", "val", "valid", "validation", "exam", "test"))
"""Names of subfolders that are splits, not classes, where there are no others."""

_UNDECODED = (".heic", ".heif", ".svg", ".psd", ".raw", ".dng")
"""Pictures that are not decoded: refused row by row, rather than passed over as no pictures."""


@READERS.register("picture-folder")
class PictureFolderReader:
    """A folder with a subfolder a class; of `train/` and `test/` in it, `FOLDER#train` is one."""

    suffixes: tuple[str, ...] = ()

    def matches(self, source: str, start: bytes) -> bool:
        """Whether there are pictures in the folder, and neither a saved dataset nor boxes."""
        path = locate(source)
        return is_plain(path) and any(
            looks_like_picture(name)
            for _, _, names in os.walk(path, followlinks=False)
            for name in names
        )

    def files(self, source: str) -> Iterator[Path]:
        """Every file of the folder; those that are no pictures are told of."""
        yield from files_in(locate(source))

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield a row a picture, by path; rows are numbered from 1.

        The id is the path below the folder. Raises DataError for a folder without classes.
        """
        folder = _folder(source)
        _check_layout(folder, source)
        columns = columns_of(options)
        row, empty = 0, set(_subfolders(folder))
        for path in files_in(folder):
            parts = path.relative_to(folder).parts
            if _is_hidden(parts) or not _is_picture(path.name):
                yield _passed_over(path.relative_to(folder))
                continue
            row += 1
            empty.discard(parts[0])
            values = {
                columns["image"]: str(path),
                columns["label"]: parts[0],
                columns["id"]: "/".join(parts),
            }
            if len(parts) > 1:
                yield Record(row, values)
            else:
                reason = f"The picture {path.name} stands in the folder itself, not in a class's."
                yield Refused(row, "no_target", reason, values)
        for name in sorted(empty):
            detail = f"Subfolders without a picture, such as {name}, are no classes."
            yield Noticed(0, "empty_class", detail, "passed over")


def columns_of(options: DataOptions) -> dict[str, str]:
    """What the columns of a folder's rows are called: as the options say, else by what they are."""
    return {name: getattr(options, name) or name for name in ("image", "label", "id")}


def is_plain(path: Path) -> bool:
    """Whether this is a folder, and neither a saved dataset nor one of boxes."""
    if not path.is_dir() or any((path / mark).is_file() for mark in MARKS):
        return False
    return not (coco_files(path) or voc_folders(path) or layout_of(path) is not None)


def pictures_below(source: str, options: DataOptions) -> Iterator[dict[str, str]]:
    """The path of each picture in a folder and in all folders below it, by path; ids as of `read`.

    Nothing is asked of the layout: what the pictures are answered with, no folder need say. Raises
    DataError for a folder without pictures.
    """
    folder = _folder(source)
    columns = columns_of(options)
    found = False
    for path in files_in(folder):
        parts = path.relative_to(folder).parts
        if not _is_hidden(parts) and _is_picture(path.name):
            found = True
            yield {columns["image"]: str(path), columns["id"]: "/".join(parts)}
    if not found:
        names = sorted(entry.name for entry in folder.iterdir())[:5]
        raise DataError(
            "The folder has no pictures.",
            place=source,
            expected="files whose names end like those of pictures (.jpg, .png ...), at any depth",
            found=", ".join(names) or "an empty folder",
            remedy="Name a folder with pictures, or a file that lists their paths.",
        )


def _folder(source: str) -> Path:
    path = locate(source)
    if not path.is_dir():
        raise DataError(
            "A file was given where a folder of pictures is needed.",
            place=source,
            expected="a folder with a subfolder of pictures for each class",
            found="a file",
            remedy="Name the folder, or leave data.format out.",
        )
    split = source.rpartition("#")[2] if str(path) != str(Path(source).expanduser()) else ""
    folder = Path(os.path.abspath(path / split))
    if folder.is_dir():
        return folder
    raise DataError(
        f"The folder of pictures has no split {split!r}.",
        place=source,
        expected=" | ".join(_subfolders(path)) or "a subfolder of that name",
        found="no such subfolder",
        remedy="Name one of its subfolders.",
    )


def _check_layout(folder: Path, source: str) -> None:
    names = _subfolders(folder)
    if not names:
        raise DataError(
            "The pictures stand in no folder of a class.",
            place=source,
            expected="a subfolder for each class, its name the label",
            found="pictures and no subfolder" if any(folder.iterdir()) else "an empty folder",
            remedy="Move them into subfolders, or list paths and labels in a CSV file.",
        )
    if "train" in names and SPLITS.issuperset(names):
        base = source.rstrip("/")
        others = [name for name in names if name != "train"]
        told = ", ".join(f"{_role(name)}: {base}/{name}" for name in ["train", *others])
        raise DataError(
            "The folder holds splits, not classes.",
            place=source,
            expected="a subfolder for each class",
            found=f"the subfolders {', '.join(names)}",
            remedy=f"Name them: data: {{{told}}}.",
        )


def _role(name: str) -> str:
    return "validation" if name.startswith("val") else name


def _subfolders(folder: Path) -> list[str]:
    try:
        entries = [entry for entry in folder.iterdir() if entry.is_dir()]
    except OSError as error:
        refuse(str(folder), error)
    return sorted(entry.name for entry in entries if not entry.name.startswith("."))


def _is_hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") for part in parts)


def _is_picture(name: str) -> bool:
    return looks_like_picture(name) or name.lower().endswith(_UNDECODED)


def _passed_over(path: Path) -> Noticed:
    detail = f"Files that are hidden, or no pictures by their names, such as {path.as_posix()}."
    return Noticed(0, "no_picture_file", detail, "passed over")
