"""Datasets of the `datasets` library, saved in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.data.options import DataOptions
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.textfile import locate
from journeyman.data.record import Event, Record
from journeyman.errors import DataError

MARKS = ("dataset_dict.json", "dataset_info.json", "state.json")
"""Files that `save_to_disk` writes into the folder itself."""

_BATCH = 1000


@READERS.register("saved")
class SavedReader:
    """A folder written by `save_to_disk`; of several splits, `FOLDER#split` names one."""

    suffixes: tuple[str, ...] = ()

    def matches(self, source: str, start: bytes) -> bool:
        """Whether the folder holds the files `save_to_disk` writes."""
        path = locate(source)
        return path.is_dir() and any((path / mark).is_file() for mark in MARKS)

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield the rows of the dataset; row numbers count them from 1."""
        from datasets import load_from_disk

        path = locate(source)
        split = source.rpartition("#")[2] if str(path) != str(Path(source).expanduser()) else ""
        try:
            loaded = load_from_disk(str(path))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                "The saved dataset cannot be loaded.",
                place=source,
                expected="a folder written by datasets' save_to_disk",
                found=str(error).splitlines()[0],
                remedy="Save the dataset again.",
            ) from error
        yield from rows_of(one_split(loaded, split, source))


def one_split(loaded: Any, split: str, source: str) -> Any:
    """The named split; without a name the only one, or `train`."""
    if not hasattr(loaded, "keys"):
        return loaded
    names = list(loaded.keys())
    wanted = split or (names[0] if len(names) == 1 else "train")
    if wanted in names:
        return loaded[wanted]
    raise DataError(
        f"The dataset has no split {wanted!r}.",
        place=source,
        expected=" | ".join(names),
        found=wanted,
        remedy=f"Name the split after the source: {source.partition('#')[0]}#{names[0]}",
    )


def rows_of(dataset: Any) -> Iterator[Event]:
    """The rows of one split, whole-number labels by their names."""
    names = {name: _class_names(feature) for name, feature in dataset.features.items()}
    classes = {name: known for name, known in names.items() if known}
    row = 0
    for start in range(0, len(dataset), _BATCH):
        for values in dataset.select(range(start, min(start + _BATCH, len(dataset)))).to_list():
            row += 1
            for name, known in classes.items():
                values[name] = _named(values[name], known)
            yield Record(row, values)


def _class_names(feature: Any) -> list[str] | None:
    """The names behind whole-number labels, also those inside a list."""
    known = getattr(feature, "names", None) or getattr(
        getattr(feature, "feature", None), "names", None
    )
    return list(known) if known else None


def _named(value: Any, known: list[str]) -> Any:
    if isinstance(value, list):
        return [_named(part, known) for part in value]
    return known[value] if isinstance(value, int) and 0 <= value < len(known) else None
