"""Boxes in a tar archive that is laid out as PASCAL VOC's, with its own lists of splits."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.catalogue.archive import unpack_files
from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.converters.picture_archive import FOLDER
from journeyman.catalogue.entry import DatasetEntry
from journeyman.voc import parse_voc


@CONVERTERS.register("voc_archive")
def convert_voc_archive(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """Options: `folder`, where VOC's folders stand in the archive, and `lists`, the name of the
    list in `ImageSets/Main` that is each split.

    An id is the stem of a picture. Boxes are as the annotations have them: mended when collected.
    """
    said = entry.options
    unpacked = out / "unpacked"
    unpacked.mkdir()
    unpack_files(raw / entry.files[0].path, unpacked)
    root = unpacked / said["folder"]
    os.replace(root / "JPEGImages", out / FOLDER)
    names = {path.stem: path.name for path in sorted((out / FOLDER).iterdir())}
    for split, name in entry.splits.items():
        listed = root / "ImageSets" / "Main" / f"{said['lists'][split]}.txt"
        stems = listed.read_text(encoding="utf-8").split()
        write_rows(out / name, _rows(root, stems, names))
    shutil.rmtree(unpacked)


def _rows(root: Path, stems: list[str], names: dict[str, str]) -> Iterator[dict[str, Any]]:
    for stem in stems:
        said = parse_voc((root / "Annotations" / f"{stem}.xml").read_bytes())
        yield {"id": stem, "image": f"{FOLDER}/{names[stem]}", "boxes": list(said.boxes)}
