"""CSV and TSV files: a bad row costs that row, never the file."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from journeyman.data.dialect import Dialect, detect_dialect
from journeyman.data.encoding import encoding_of
from journeyman.data.options import DataOptions
from journeyman.data.readers.lines import MAX_LINE, Line, bad_characters, numbered
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.textfile import locate, text_lines
from journeyman.data.record import Event, Noticed, Record, Refused
from journeyman.errors import DataError

_SAMPLE_LINES = 500
_SPAN = 1000
_SPAN_AFTER_FAILURES = 20


class _UnclosedError(Exception):
    """A quoted cell went on for too many lines."""


class _Lines:
    """Feeds lines to the CSV parser and remembers those of the row it is in."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._returned: deque[Line] = deque()
        self.pulled: list[Line] = []
        self.span = _SPAN

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._lines)
        self.pulled.append(line)
        if len(self.pulled) > self.span or line.refused:
            raise _UnclosedError
        return line.text

    def give_back(self) -> Line:
        """Keep only the first line of the row; the others are read again as rows."""
        first = self.pulled[0]
        self._returned.extendleft(reversed(self.pulled[1:]))
        self.pulled = []
        return first


@READERS.register("csv")
class CsvReader:
    """Comma, tab or otherwise separated cells, quoted by double quotes."""

    suffixes: tuple[str, ...] = (".csv", ".tsv", ".tab", ".txt")

    def matches(self, source: str, start: bytes) -> bool:
        """CSV has no mark of its own; it is what remains."""
        return False

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield the rows of a CSV file; `row` is the line a row starts on."""
        path = locate(source)
        encoding = encoding_of(path, options.encoding)
        if encoding.guessed:
            detail = f"The file is read as {encoding.name}: {encoding.reason}."
            yield Noticed(0, "encoding", detail, "set data.encoding if characters look wrong")
        dialect = _dialect(path, encoding.name, options)
        csv.field_size_limit(MAX_LINE)
        with text_lines(path, encoding.name) as file:
            yield from _rows(numbered(file), dialect, encoding.name, path)


def _dialect(path: Path, encoding: str, options: DataOptions) -> Dialect:
    with text_lines(path, encoding) as file:
        sample = [line.text for line in islice(numbered(file), _SAMPLE_LINES) if not line.refused]
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    suffix = suffixes[-1].lower() if suffixes else ""
    return detect_dialect(sample, options.delimiter, options.header, suffix)


def _rows(lines: Iterator[Line], dialect: Dialect, encoding: str, path: Path) -> Iterator[Event]:
    feed = _Lines(lines)
    columns: list[str] | None = None
    for cells, number in _records(feed, dialect.delimiter):
        if isinstance(cells, Refused):
            yield cells
        elif columns is None:
            columns, found = _columns(cells, dialect.header, path)
            yield from found
            if not dialect.header:
                yield _record(cells, number, columns, encoding)
        elif cells:
            yield _record(cells, number, columns, encoding)


def _records(feed: _Lines, delimiter: str) -> Iterator[tuple[list[str] | Refused, int]]:
    """Parsed rows with the line they start on. A row that does not parse costs its first line."""
    parser = csv.reader(feed, delimiter=delimiter, strict=True)
    failures = 0
    while True:
        feed.pulled = []
        try:
            cells = next(parser)
        except StopIteration:
            if not feed.pulled:
                return
        except (csv.Error, _UnclosedError) as error:
            several = len(feed.pulled) > 1
            first = feed.give_back()
            failures += several
            if failures > 100:
                feed.span = _SPAN_AFTER_FAILURES
            yield _refusal(first, error), first.number
            parser = csv.reader(feed, delimiter=delimiter, strict=True)
        else:
            yield cells, feed.pulled[0].number


def _refusal(line: Line, error: Exception) -> Refused:
    if line.refused:
        return Refused(line.number, "huge_field", line.refused, line.text)
    told = str(error)
    if "NUL" in told:
        return Refused(line.number, "nul_byte", "The line contains a NUL byte.", line.text)
    if isinstance(error, _UnclosedError) or "unexpected end" in told:
        reason = "A quoted cell is not closed."
        return Refused(line.number, "unclosed_quote", reason, line.text)
    if "field limit" in told:
        return Refused(line.number, "huge_field", "A cell is larger than 16 MB.", line.text[:1000])
    reason = "A quote is not closed where its cell ends (a quote inside a cell is written twice)."
    return Refused(line.number, "stray_quote", reason, line.text)


def _columns(cells: list[str], header: bool, path: Path) -> tuple[list[str], list[Event]]:
    if not header:
        names = [f"column_{number}" for number in range(1, len(cells) + 1)]
        detail = f"The first line reads as a row, not as column names: {', '.join(names)}."
        return names, [Noticed(1, "no_header", detail, "columns named by number")]
    names = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, 1)]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            f"The column name {repeated[0]!r} appears more than once.",
            place=f"{path}, row 1",
            expected="column names that differ",
            found=", ".join(names),
            remedy="Rename one of the columns, or set data.header: false if this is a row.",
        )
    return names, []


def _record(cells: list[str], number: int, columns: list[str], encoding: str) -> Event:
    if len(cells) != len(columns):
        reason = f"The row has {len(cells)} cells, the header {len(columns)}."
        return Refused(number, "ragged_row", reason, cells)
    for cell in cells:
        if not cell.isascii() and (reason := bad_characters(cell, encoding)):
            return Refused(number, "wrong_encoding", reason, cells)
        if "\0" in cell:
            return Refused(number, "nul_byte", "The row contains a NUL byte.", cells)
    return Record(number, dict(zip(columns, cells, strict=True)))
