"""What a recipe says of rows that are only learned from: sources that are there, with the columns
of the other rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from journeyman.catalogue.entry import DatasetEntry, dataset_entries
from journeyman.catalogue.fetch import receipt_of
from journeyman.catalogue.home import home
from journeyman.data.options import ROLES, DataOptions
from journeyman.data.readers.hub import SCHEME
from journeyman.data.readers.registry import read
from journeyman.data.record import Record
from journeyman.errors import JourneymanError
from journeyman.recipe.data_checks import check_hub, column_of, existing, same
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.near import near_files, nearest
from journeyman.recipe.options import Recipe
from journeyman.recipe.text import Location

_NEEDED = ("label", "soft_label", "tokens", "tags", "boxes", "id")
_LOOKED_AT = 50
"""Rows at the start of a source whose columns are looked at."""


def check_extra(recipe: Recipe, mistakes: Mistakes) -> None:
    """Sources that are there, each once, with the columns that the recipe names."""
    data = recipe.data
    for at, name in enumerate(data.extra):
        location = ("data", "extra", at)
        entry = dataset_entries().get(name)
        if _told_twice(data, at, mistakes):
            continue
        if entry is not None:
            _check_dataset(data, entry, location, mistakes)
        elif name.startswith(SCHEME):
            check_hub(name, location, mistakes)
        elif existing(name) is None:
            _tell_missing(name, location, mistakes)
        else:
            _check_columns(name, _columns(name, data), _wanted(data), location, mistakes)
    transfer = recipe.transfer
    if transfer is not None and transfer.data is not None and transfer.data.extra:
        mistakes.add(
            ("transfer", "data", "extra"), "Transfer learns from rows of the new data alone.",
            expected="no `extra` in transfer.data", found=", ".join(transfer.data.extra),
            remedy="remove it",
        )  # fmt: skip


def resolved_extra(names: Sequence[str], beside: Callable[[str], str]) -> tuple[str, ...]:
    """The sources with paths as `beside` finds them; names of the catalogue stay."""
    return tuple(name if name in dataset_entries() else beside(name) for name in names)


def _told_twice(data: DataOptions, at: int, mistakes: Mistakes) -> bool:
    name = data.extra[at]
    others = [(f"data.{role}", getattr(data, role)) for role in (*ROLES, "dataset")]
    others += [("named in data.extra before", other) for other in data.extra[:at]]
    twin = next((field for field, other in others if other and same(name, other)), None)
    if twin is not None:
        mistakes.add(
            ("data", "extra", at), "The rows only learned from are rows that are there already.",
            expected="other rows than the rest of the data",
            found=f"{name}, which is also {twin}", remedy="remove it from data.extra",
        )  # fmt: skip
    return twin is not None


def _tell_missing(name: str, location: Location, mistakes: Mistakes) -> None:
    known = list(dataset_entries())
    near = near_files(Path(name))
    if Path(name).suffix or os.sep in name:
        mistakes.add(
            location, f"The file of extra rows {name!r} does not exist.",
            expected="the path of a file of rows, or a dataset of the catalogue",
            found="no such file",
            remedy=f"did you mean {near}?" if near
            else "check the path: it is looked for beside the recipe, then in the current folder",
        )  # fmt: skip
        return
    near = nearest(name, known) or near
    mistakes.add(
        location, f"There is neither a dataset nor a file {name!r}.",
        expected=f"a name of the catalogue ({', '.join(known)}) or the path of a file",
        found=repr(name),
        remedy=f"did you mean {near!r}?" if near else "list the names with `journeyman datasets`",
    )  # fmt: skip


def _check_dataset(
    data: DataOptions, entry: DatasetEntry, location: Location, mistakes: Mistakes
) -> None:
    """As the entry says; where its file is on disk, as that says, which may hold more columns."""
    if "train" not in entry.splits:
        mistakes.add(
            location, f"The dataset {entry.name!r} has no training rows.",
            expected="a dataset with a training split", found=", ".join(entry.splits),
            remedy="name another dataset",
        )  # fmt: skip
        return
    wanted = _wanted(data)
    columns = [
        value
        for field in ("text", "image", *_NEEDED)
        if isinstance(value := getattr(entry.columns, field, None), str)
    ]
    if all(name in columns for name in wanted):
        return
    if receipt_of(entry) is not None:
        path = home() / entry.kind / entry.name / entry.splits["train"]
        how = data.model_copy(update={"format": "jsonl", "encoding": "utf-8"})
        columns = _columns(str(path), how) or columns
    elif all(name in columns for name in wanted if name not in (data.label, data.id)):
        return  # Whether it has a column that its entry does not name is seen once it is fetched.
    _check_columns(entry.name, columns, wanted, location, mistakes)


def _wanted(data: DataOptions) -> list[str]:
    text = column_of(data, "image") or column_of(data, "text")
    names = [text] if isinstance(text, str) else list(text or ())
    return [*names, *(name for field in _NEEDED if (name := column_of(data, field)))]


def _columns(source: str, data: DataOptions) -> list[str]:
    """Columns of the first rows; none where it cannot be read, which collecting tells."""
    try:
        first = list(islice(read(source, data), _LOOKED_AT))
    except (JourneymanError, OSError, ValueError, EOFError, KeyError):
        return []
    rows = [event.values for event in first if isinstance(event, Record)]
    return list(dict.fromkeys(name for row in rows for name in row))


def _check_columns(
    source: str, columns: list[str], wanted: list[str], location: Location, mistakes: Mistakes
) -> None:
    missing = [name for name in wanted if name not in columns]
    if columns and missing:
        mistakes.add(
            location, f"The extra rows lack the column {' and '.join(map(repr, missing))}.",
            expected=f"the columns of the other rows: {', '.join(wanted)}",
            found=f"{source} with the columns {', '.join(columns[:30])}",
            remedy="rename the columns of one of them, so that both have the same",
        )  # fmt: skip
