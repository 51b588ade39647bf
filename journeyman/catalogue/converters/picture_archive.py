"""Pictures in a tar archive, with a table of labels or a folder for each of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.catalogue.archive import unpack_files
from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.entry import DatasetEntry

FOLDER = "pictures"


@CONVERTERS.register("picture_table")
def convert_picture_table(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """Options: `archive`, `table` (a CSV file), its columns `split`, `file` and `label`, and
    `others` (new name: old name), labels beside that one, which stands in where one is empty.

    A row's id is the path in the archive.
    """
    said = entry.options
    unpack_files(raw / said["archive"], _made(out))
    with (raw / said["table"]).open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    for split, name in entry.splits.items():
        mine = [record for record in records if record[said["split"]] == split]
        write_rows(out / name, _labelled(mine, said))


@CONVERTERS.register("picture_folders")
def convert_picture_folders(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """The first file is an archive with a folder for each label; an id is the path in it."""
    pictures = _made(out)
    unpack_files(raw / entry.files[0].path, pictures)
    paths = sorted(path for path in pictures.rglob("*") if path.is_file())
    write_rows(out / entry.splits["train"], (_of_folder(path, pictures) for path in paths))


def _made(out: Path) -> Path:
    folder = out / FOLDER
    folder.mkdir()
    return folder


def _labelled(records: list[dict[str, str]], said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for record in records:
        name, label = record[said["file"]], record[said["label"]]
        others = {new: record[old] or label for new, old in said["others"].items()}
        yield {"id": name, "image": f"{FOLDER}/{name}", "label": label, **others}


def _of_folder(path: Path, pictures: Path) -> dict[str, Any]:
    name = path.relative_to(pictures).as_posix()
    return {"id": name, "image": f"{FOLDER}/{name}", "label": name.partition("/")[0]}
