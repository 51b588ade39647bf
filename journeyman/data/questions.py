"""Rows to answer rather than to learn from: a file, or standard input."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from journeyman.data.admission import admit
from journeyman.data.encoding import encoding_of
from journeyman.data.options import DataOptions
from journeyman.data.picture_rows import folder_of, whole_path
from journeyman.data.readers.hub import SCHEME
from journeyman.data.readers.lines import bad_characters, numbered
from journeyman.data.readers.picture_folder import is_plain, pictures_below
from journeyman.data.readers.registry import read
from journeyman.data.readers.textfile import locate, text_lines
from journeyman.data.record import Record, Refused
from journeyman.errors import DataError
from journeyman.types import TargetKind

Asked = dict[str, Any] | str | Refused


def questions_in(file: str, columns: DataOptions) -> Iterator[Asked]:
    """The rows of a file, the lines of a .txt file, or the pictures of a folder, however they lie.

    Rows that cannot be read come as `Refused`. Raises DataError when the file has none of the
    columns the model reads, or the folder no picture.
    """
    if columns.image is not None and not file.startswith(SCHEME) and is_plain(locate(file)):
        yield from pictures_below(file, columns)
        return
    if Path(file).suffix.lower() == ".txt":
        lines = _lines(file)
        yield from lines if columns.image is None else _paths(lines, folder_of(file))
        return
    checked, folder = False, folder_of(file)
    for event in read(file, _reading(file, columns)):
        if isinstance(event, Record):
            if not checked:
                _require_columns(file, event.values, columns)
                checked = True
            yield _placed(event.values, columns, folder)
        elif isinstance(event, Refused):
            yield event


def questions_of_stream(stream: IO[bytes]) -> Iterator[Asked]:
    """A question a line: a JSON object or string, else the line itself; blank lines are passed."""
    for number, raw in enumerate(stream, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            reason = f"Line {number} is not UTF-8: {error.reason}."
            yield Refused(number, "bad_encoding", reason, raw.decode("utf-8", "backslashreplace"))
            continue
        if line:
            yield _question(line, number)


def labelled_rows(
    file: str, columns: DataOptions, kind: TargetKind
) -> tuple[list[dict[str, Any]], list[Refused]]:
    """The rows of a file that can be measured on, and those that cannot, with reasons."""
    options = _reading(file, columns)
    rows: list[dict[str, Any]] = []
    refused: list[Refused] = []
    folder = None if options.image is None else folder_of(file)
    for event in admit(_checked(file, options), options, kind, folder=folder):
        if isinstance(event, Record):
            rows.append(event.values)
        elif isinstance(event, Refused):
            refused.append(event)
    if not rows:
        raise DataError(
            "No row of the file can be measured on.",
            place=file,
            expected=f"rows with a {columns.noun} and a target",
            found=f"row {refused[0].row}: {refused[0].reason}" if refused else "no rows",
            remedy=f"fill in the {columns.noun} and the target of the rows to measure on",
        )
    return rows, refused


def _placed(values: dict[str, Any], columns: DataOptions, folder: Path) -> dict[str, Any]:
    """The values of a row, the path of its picture as seen from the file."""
    path = None if columns.image is None else values.get(columns.image)
    if columns.image is None or not isinstance(path, str) or not path.strip():
        return values
    return {**values, columns.image: whole_path(path, folder)}


def _paths(lines: Iterator[Asked], folder: Path) -> Iterator[Asked]:
    """Lines that are paths of pictures, as seen from the file."""
    for line in lines:
        yield whole_path(line, folder) if isinstance(line, str) else line


def _checked(file: str, options: DataOptions) -> Iterator[Any]:
    checked = False
    for event in read(file, options):
        if isinstance(event, Record) and not checked:
            targets = [name for name in (options.label, options.tags, options.boxes) if name]
            _require_columns(file, event.values, options, targets)
            checked = True
        yield event


def _reading(file: str, columns: DataOptions) -> DataOptions:
    fresh = {"train": file, "dataset": None, "validation": None, "exam": None, "test": None}
    detected = {"format": None, "encoding": None, "delimiter": None, "header": None, "limit": None}
    return columns.model_copy(update={**fresh, **detected})


def _require_columns(
    file: str, values: dict[str, Any], columns: DataOptions, targets: list[str] | None = None
) -> None:
    if columns.is_tagged and any(name in values for name in (columns.tokens or "tokens", "text")):
        wanted = list(targets or [])
    else:
        wanted = [*columns.texts, *(targets or [])]
    spare = _spare(columns, values)
    for name in wanted:
        if name not in values and name not in spare:
            near = difflib.get_close_matches(name, values, n=1)
            raise DataError(
                f"The file has no column {name!r}.",
                place=file,
                expected=f"the columns the model was trained on: {', '.join(wanted)}",
                found=", ".join(list(values)[:30]),
                remedy=f"rename {near[0]!r} to {name!r}" if near else f"add a column {name!r}",
            )


def _spare(columns: DataOptions, values: dict[str, Any]) -> list[str]:
    """Columns of text that a file may lack: others are there, and none that is spelled alike."""
    absent = [name for name in columns.texts if name not in values]
    if len(absent) == len(columns.texts):
        return []
    free = [name for name in values if name not in columns.texts]
    return [name for name in absent if not difflib.get_close_matches(name, free, n=1)]


def _question(line: str, number: int) -> Asked:
    if line[0] not in '{"':
        return line
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        if line[0] == '"':
            return line
        return Refused(number, "bad_json", f"Line {number} begins like JSON and is not.", line)
    if isinstance(value, str | dict):
        return value
    return Refused(number, "bad_json", f"Line {number} is neither an object nor a string.", line)


def _lines(file: str) -> Iterator[Asked]:
    path = locate(file)
    encoding = encoding_of(path, None).name
    with text_lines(path, encoding) as lines:
        for line in numbered(lines):
            if line.refused:
                yield Refused(line.number, "huge_field", line.refused, line.text)
            elif reason := bad_characters(line.text, encoding):
                yield Refused(line.number, "wrong_encoding", reason, line.text)
            elif text := line.text.strip():
                yield text
