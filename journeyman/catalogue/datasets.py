"""A dataset's name to its converted files on disk."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.catalogue.digest import digest_of
from journeyman.catalogue.entry import DatasetEntry, dataset_entries
from journeyman.catalogue.fetch import fetch, receipt_of
from journeyman.errors import FetchError


@dataclass(frozen=True)
class ResolvedDataset:
    """A dataset on disk: a JSON Lines file a split, and which column means what.

    `columns` has the fields of a recipe's `data` (text, image, label, soft_label, tokens, tags,
    boxes, group, id, ratings; slices and rating_labels are tuples), those that the dataset has. A
    dataset without splits of its own has the one split `train`. `sha256` is over the converted
    files.
    """

    name: str
    files: Mapping[str, Path]
    columns: Mapping[str, Any]
    task: str
    licence: str
    source: str
    sha256: str


def resolve_dataset(name: str, *, progress: bool = True) -> ResolvedDataset:
    """The dataset of that name, fetched and converted when it is not on disk.

    Raises FetchError when the catalogue has no such name or no source gives it.
    """
    entry = dataset_entry(name)
    folder = fetch(entry, progress=progress)
    receipt = receipt_of(entry) or {"files": {}, "source": ""}
    return ResolvedDataset(
        name=name,
        files={split: folder / file for split, file in entry.splits.items()},
        columns=entry.columns.model_dump(exclude_none=True, exclude_defaults=True),
        task=entry.task,
        licence=entry.licence,
        source=str(receipt["source"]),
        sha256=digest_of(receipt["files"]),
    )


def dataset_entry(name: str) -> DatasetEntry:
    """The entry of that name; FetchError with the nearest names when there is none."""
    entries = dataset_entries()
    if name in entries:
        return entries[name]
    near = difflib.get_close_matches(name.lower(), entries, n=3, cutoff=0.4)
    raise FetchError(
        f"There is no dataset {name!r}.",
        place="dataset",
        expected=f"a catalogue name ({', '.join(entries)})",
        found=repr(name),
        remedy=f"Did you mean {' or '.join(map(repr, near))}?"
        if near
        else "List the names with `journeyman datasets`.",
    )
