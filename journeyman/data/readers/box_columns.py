"""Formats of boxes: what the columns of their rows are called, and how one part is named."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from journeyman.data.options import DataOptions
from journeyman.data.readers.textfile import locate
from journeyman.data.record import Noticed
from journeyman.errors import DataError

BOX_FORMATS = ("coco", "voc", "yolo")

USUAL_SPLIT = "train"
"""The part that is read where several are there and none is named."""


def box_columns(options: DataOptions) -> dict[str, str]:
    """What the columns are called: as the options say, else by what they are."""
    return {name: getattr(options, name) or name for name in ("image", "boxes", "id")}


def split_in(source: str) -> str:
    """The part that `PLACE#part` names; empty where none is named."""
    whole = Path(source).expanduser()
    return source.rpartition("#")[2] if locate(source) != whole else ""


def folder_in(source: str, expected: str) -> Path:
    """The folder of a source, absolute. Raises DataError where it is a file."""
    path = Path(os.path.abspath(locate(source)))
    if path.is_dir():
        return path
    raise DataError(
        "A file was given where a folder is needed.",
        place=source,
        expected=expected,
        found="a file",
        remedy="Name the folder, or leave data.format out.",
    )


def chosen_split(source: str, names: Iterable[str]) -> str:
    """The part to read: the one named, else `train`, else the only one; "" where there is none.

    Raises DataError for a name that is not there, and where it is not clear which is meant.
    """
    wanted, there = split_in(source), sorted(names)
    if not wanted and (not there or USUAL_SPLIT in there):
        return USUAL_SPLIT if there else ""
    if not wanted and len(there) == 1:
        return there[0]
    if wanted in there:
        return wanted
    raise DataError(
        f"The data has no part {wanted!r}." if wanted else "It is not said which part to read.",
        place=source,
        expected=" | ".join(there) or "no #PART: there are no parts",
        found=wanted or "several parts",
        remedy=f"Name the part after the source: {source.partition('#')[0]}#{there[0]}"
        if there else "Leave #PART out.",
    )  # fmt: skip


def other_splits(source: str, read: str, names: Iterable[str]) -> list[Noticed]:
    """What is told where a part was chosen and others are there."""
    others = sorted(set(names) - {read})
    if not others or split_in(source):
        return []
    detail = f"Of the parts {', '.join(sorted([read, *others]))}, {read} is read."
    return [Noticed(0, "other_parts", detail, "name another as SOURCE#PART")]


def roles_of(source: str, names: Iterable[str]) -> dict[str, str]:
    """Which part is which split of a recipe, each as a source; empty without a training part."""
    base, found = source.partition("#")[0] if split_in(source) else source, {}
    usual = {
        "train": ("train",), "validation": ("val", "valid", "validation", "dev"), "test": ("test",),
    }  # fmt: skip
    there = set(names)
    for role, known in usual.items():
        name = next((each for each in known if each in there), None)
        if name is not None:
            found[role] = f"{base}#{name}"
    return found if "train" in found else {}
