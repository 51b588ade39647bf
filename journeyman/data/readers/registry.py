"""The formats rows can be read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from journeyman.data.options import DataOptions
from journeyman.data.readers.textfile import head, locate
from journeyman.data.record import Event
from journeyman.errors import DataError
from journeyman.registry import Registry


class Reader(Protocol):
    """One format: how it is recognised, and how its rows are read."""

    suffixes: tuple[str, ...]

    def matches(self, source: str, start: bytes) -> bool:
        """Whether the content looks like this format; `start` is unpacked, empty for a folder."""

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield rows, refused rows and notices, in the order of the source."""


@runtime_checkable
class ManyFiles(Protocol):
    """A reader whose rows come from many files: what tells that one of them changed."""

    def files(self, source: str) -> Iterator[Path]:
        """Each file that what `read` yields depends on, beside a file that `source` names."""


@runtime_checkable
class Parted(Protocol):
    """A reader whose sources may hold several splits."""

    def splits(self, source: str) -> Mapping[str, str]:
        """Split of a recipe (train, validation, test) to the source of its rows; may be empty."""


READERS: Registry[type[Reader]] = Registry("data format", "journeyman.data.readers")


def reader_for(source: str, options: DataOptions) -> Reader:
    """The format of `source`: as the recipe says, by its content, or by its name.

    Raises DataError when the source is not there or no format fits.
    """
    if options.format is not None:
        return READERS[options.format]()
    known = {name: READERS[name]() for name in READERS}
    if source.startswith("hub:"):
        return known["hub"]
    path = locate(source)
    start = b"" if path.is_dir() else head(path)
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    for reader in known.values():
        if reader.matches(source, start):
            return reader
    for reader in known.values():
        if suffixes and suffixes[-1] in reader.suffixes:
            return reader
    if path.is_dir():
        raise DataError(
            "A folder was given where a file of rows is needed.",
            place=source,
            expected="a file, the folder of a dataset saved by `datasets`, a folder with a "
            "subfolder of pictures for each class, or the folder of a VOC or YOLO dataset",
            found=f"a folder with {_listing(path)}",
            remedy="Name one of the files in it.",
        )
    return known["csv"]


def read(source: str | Path, options: DataOptions) -> Iterator[Event]:
    """Read a source with the reader of its format."""
    return reader_for(str(source), options).read(str(source), options)


def _listing(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.iterdir())[:5]
    return ", ".join(names) or "nothing in it"
