"""Opening files of text: what is missing, packed, cut off or not text is told here."""

from __future__ import annotations

import difflib
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

from journeyman.errors import DataError

HEAD_BYTES = 65536

_BINARY = {
    b"PK\x03\x04": ("a ZIP archive or spreadsheet", "Export the sheet as CSV."),
    b"\xd0\xcf\x11\xe0": ("an old spreadsheet or document", "Export the sheet as CSV."),
    b"%PDF": ("a PDF document", "Extract its text into a CSV file first."),
    b"\x89PNG": ("a PNG image", "Name a list of pictures and labels, or a folder of classes."),
    b"\xff\xd8\xff": (
        "a JPEG image",
        "Name a list of pictures and labels, or a folder of classes.",
    ),
    b"SQLite format 3": ("an SQLite database", "Export the table as CSV."),
    b"BZh": ("a bzip2 archive", "Unpack it, or pack it with gzip."),
    b"\xfd7zXZ": ("an xz archive", "Unpack it, or pack it with gzip."),
    b"\x28\xb5\x2f\xfd": ("a Zstandard archive", "Unpack it, or pack it with gzip."),
    b"\x80\x04": ("a pickle, which is never loaded", "Save the rows as CSV or Parquet."),
}

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def locate(source: str) -> Path:
    """The path a source names, without its `#split`. Raises DataError when nothing is there."""
    path = Path(source).expanduser()
    if not path.exists() and "#" in source:
        path = Path(source.rpartition("#")[0]).expanduser()
    try:
        if path.exists():
            return path
    except OSError as error:
        refuse(source, error)
    folder = path.parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    raise DataError(
        f"The data file {path.name!r} does not exist.",
        place=str(path),
        expected="a file" if folder.is_dir() else f"a file, in the folder {folder}",
        found="no such file" if folder.is_dir() else "no such folder",
        remedy=f"Did you mean {' or '.join(near)}?" if near else "Check the path.",
    )


def head(path: Path) -> bytes:
    """The first bytes of a file, unpacked where it is gzipped."""
    with opened(path) as file:
        return file.read(HEAD_BYTES)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where it is gzipped; errors while reading become DataErrors."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.open(raw, "rb") as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            "The gzip file is cut off or damaged.",
            place=str(path),
            expected="a complete gzip file",
            found=str(error),
            remedy="Fetch or pack the file again.",
        ) from error
    except OSError as error:
        refuse(str(path), error)


def refuse(source: str, error: OSError) -> NoReturn:
    """Raise the DataError for a file the system does not let us read."""
    raise DataError(
        "The data file cannot be opened.",
        place=source,
        expected="a file you may read",
        found=os.strerror(error.errno) if error.errno else str(error),
        remedy="Give yourself permission to read it, or copy it elsewhere.",
    ) from error


@contextmanager
def text_lines(path: Path, encoding: str, newline: str = "") -> Iterator[io.TextIOBase]:
    """The file as text; bytes outside the encoding become lone surrogates, one a byte."""
    with opened(path) as raw:
        yield io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline=newline)


def check_text(path: Path, start: bytes) -> None:
    """Raise DataError when a file is empty or its first bytes are no text."""
    if not start.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise DataError(
            "The data file is empty.",
            place=str(path),
            expected="a line of column names and at least one row",
            found=f"{path.stat().st_size} bytes without any text",
            remedy="Check how the file was written.",
        )
    for magic, (what, remedy) in _BINARY.items():
        if start.startswith(magic):
            _binary(path, what, remedy)
    controls = sum(byte < 9 or 13 < byte < 27 for byte in start[:8192])
    if not start.startswith(_BOMS) and controls > 0.02 * len(start[:8192]) + 2:
        _binary(path, "bytes that are no text", "Name a file of text; UTF-16 needs data.encoding.")


def _binary(path: Path, what: str, remedy: str) -> NoReturn:
    raise DataError(
        "The data file is not a text file.",
        place=str(path),
        expected="CSV, TSV, JSON Lines, CoNLL (each also gzipped) or Parquet",
        found=what,
        remedy=remedy,
    )
