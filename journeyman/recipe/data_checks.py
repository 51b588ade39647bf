"""What fields of a recipe's data say together, and whether the files they name are there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from journeyman.catalogue.entry import dataset_entries
from journeyman.data.options import ROLES, DataOptions
from journeyman.data.readers.box_columns import BOX_FORMATS
from journeyman.data.readers.hub import SCHEME, HubDataset
from journeyman.data.readers.registry import READERS, reader_for
from journeyman.errors import DataError, JourneymanError
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.near import near_files, nearest
from journeyman.recipe.text import Location

_CSV_ALONE = ("delimiter", "header")


def check_data(data: DataOptions, mistakes: Mistakes) -> None:
    """Files, formats and encodings that are there; what does not go together."""
    known = list(dataset_entries())
    if data.dataset and data.dataset not in known:
        near = nearest(data.dataset, known)
        mistakes.add(
            ("data", "dataset"), f"There is no dataset {data.dataset!r}.",
            expected=f"a name of the catalogue ({', '.join(known)})", found=repr(data.dataset),
            remedy=f"did you mean {near!r}?" if near
            else "list the names with `journeyman datasets`, or give a file as `train`",
        )  # fmt: skip
    for role in ROLES:
        _check_file(data, role, mistakes)
    if data.format and data.format not in READERS:
        near = nearest(data.format, READERS)
        mistakes.add(
            ("data", "format"), f"There is no data format {data.format!r}.",
            expected=" | ".join(READERS), found=repr(data.format),
            remedy=f"did you mean {near!r}?" if near else "leave it out: formats are recognised",
        )  # fmt: skip
    _check_encoding(data, mistakes)
    _check_ratings(data, mistakes)
    _check_corrections(data, mistakes)
    for name in _CSV_ALONE:
        given = getattr(data, name) is not None
        if given and (data.dataset or data.format not in (None, "csv")):
            layout = "a dataset of the catalogue" if data.dataset else f"format {data.format}"
            mistakes.add(
                ("data", name), f"`{name}` says nothing of {layout}.",
                expected=f"`{name}` with a CSV file only", found=f"{name} beside {layout}",
                remedy=f"remove data.{name}",
            )  # fmt: skip


def _check_corrections(data: DataOptions, mistakes: Mistakes) -> None:
    if data.corrections is None or existing(data.corrections) is not None:
        return
    near = near_files(Path(data.corrections))
    mistakes.add(
        ("data", "corrections"), f"The file {data.corrections!r} does not exist.",
        expected="a CSV file with the columns id and correct", found="no such file",
        remedy=f"did you mean {near}?" if near
        else "write it with `journeyman audit`, or remove data.corrections",
    )  # fmt: skip


def _check_file(data: DataOptions, role: str, mistakes: Mistakes) -> None:
    source = getattr(data, role)
    if source is None:
        return
    if source.startswith(SCHEME):
        check_hub(source, ("data", role), mistakes)
        return
    path = existing(source)
    if path is None:
        missing = Path(source)
        near = near_files(missing)
        mistakes.add(
            ("data", role), f"The data file {source!r} does not exist.",
            expected="the path of a file of rows",
            found="no such file" if os.path.isdir(missing.parent)
            else f"no such file, and no folder {missing.parent}",
            remedy=f"did you mean {near}?" if near
            else "check the path: it is looked for beside the recipe, then in the current folder",
        )  # fmt: skip
        return
    for other in ROLES[: ROLES.index(role)]:
        twin = getattr(data, other)
        if twin is not None and same(source, twin):
            mistakes.add(
                ("data", role), f"{other} and {role} are the same rows.",
                expected="other rows than those of training" if other == "train"
                else f"other rows than those of {other}",
                found=f"{source}, which is also data.{other}",
                remedy=f"remove data.{role}: it is then split off the training rows",
            )  # fmt: skip
            return


def check_hub(source: str, location: Location, mistakes: Mistakes) -> None:
    """The address of a hub dataset that can be read."""
    try:
        HubDataset.parse(source)
    except DataError as error:
        mistakes.add(
            location, error.problem, expected=error.expected, found=error.found,
            remedy=error.remedy,
        )  # fmt: skip


def existing(source: str) -> Path | None:
    """The path a source names, without its `#split`; None when nothing is there."""
    for name in (source, source.rpartition("#")[0]):
        path = os.path.expanduser(name)
        if name and os.path.exists(path):
            return Path(path)
    return None


def is_read_by(name: str, data: DataOptions) -> bool:
    """Whether the training rows are in the format of that name."""
    return _format(data) == name


def has_boxes(data: DataOptions) -> bool:
    """Whether training rows hold boxes, by what the recipe says or by their format."""
    return data.boxes is not None or _format(data) in BOX_FORMATS


def _format(data: DataOptions) -> str:
    """The format of the training rows; empty where they are not there to be looked at."""
    if data.format is not None:
        return data.format
    if data.train is None or data.train.startswith("hub:") or existing(data.train) is None:
        return ""
    try:
        reader = type(reader_for(data.train, data))
    except (JourneymanError, OSError, ValueError, EOFError):
        return ""
    return next((name for name in READERS if READERS[name] is reader), "")


def same(source: str, other: str) -> bool:
    """Whether two sources are the same file or address."""
    if source == other:
        return True
    here, there = os.path.expanduser(source), os.path.expanduser(other)
    return os.path.exists(here) and os.path.exists(there) and os.path.samefile(here, there)


def _check_encoding(data: DataOptions, mistakes: Mistakes) -> None:
    if data.encoding is None:
        return
    try:
        "".encode(data.encoding)
    except (LookupError, ValueError):
        near = nearest(data.encoding, ("utf-8", "utf-16", "gb18030", "gbk", "latin-1", "cp1252"))
        mistakes.add(
            ("data", "encoding"), f"There is no encoding {data.encoding!r}.",
            expected="an encoding by name, such as utf-8, gb18030 or cp1252",
            found=repr(data.encoding),
            remedy=f"did you mean {near!r}?" if near else "leave it out: encodings are detected",
        )  # fmt: skip


def _check_ratings(data: DataOptions, mistakes: Mistakes) -> None:
    low, high = data.rating_thresholds
    if not low < high:
        mistakes.add(
            ("data", "rating_thresholds"), "The thresholds of the ratings do not rise.",
            expected="two numbers, the first below the second", found=f"{low:g} and {high:g}",
            remedy="put the smaller one first",
        )  # fmt: skip
    labels = data.rating_labels
    if labels is not None and len(set(labels)) < len(labels):
        mistakes.add(
            ("data", "rating_labels"), "Two kinds of rating have the same label.",
            expected="three labels, of low, middle and high ratings", found=", ".join(labels),
            remedy="name a label of its own for each",
        )  # fmt: skip
    if data.ratings is not None and column_of(data, "rating_labels") is None:
        mistakes.add(
            ("data", "rating_labels"), "`ratings` stands alone.",
            expected="`rating_labels` beside it: the labels of low, middle and high ratings",
            found=f"ratings {data.ratings} and no rating_labels",
            remedy="name the labels: `rating_labels: [negative, neutral, positive]`",
        )  # fmt: skip


def column_of(data: DataOptions, name: str) -> Any:
    """A field of the data: as given, else as the dataset of the catalogue has it."""
    entry = dataset_entries().get(data.dataset or "")
    return getattr(data, name) or (getattr(entry.columns, name, None) if entry else None)
