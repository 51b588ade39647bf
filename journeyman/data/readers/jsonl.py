"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from journeyman.data.encoding import encoding_of
from journeyman.data.options import DataOptions
from journeyman.data.readers.lines import Line, bad_characters, numbered
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.textfile import locate, text_lines
from journeyman.data.record import Event, Record, Refused
from journeyman.errors import DataError


@READERS.register("jsonl")
class JsonLinesReader:
    """One JSON object a line; its keys are the columns."""

    suffixes: tuple[str, ...] = (".jsonl", ".ndjson", ".json")

    def matches(self, source: str, start: bytes) -> bool:
        """Whether the first line opens an object with a quoted key."""
        return start.lstrip(b"\xef\xbb\xbf \t\r\n").replace(b" ", b"")[:2] == b'{"'

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield the objects of the file; `row` is the line."""
        path = locate(source)
        encoding = encoding_of(path, options.encoding).name
        first = True
        with text_lines(path, encoding, newline="\n") as file:
            for line in numbered(file):
                if not line.text.strip():
                    continue
                if first and line.text.lstrip().startswith("["):
                    _refuse_array(source)
                first = False
                yield _record(line, encoding)


def _refuse_array(source: str) -> None:
    raise DataError(
        "The file is one JSON array, not JSON Lines.",
        place=source,
        expected="one JSON object on each line",
        found="a file that starts with [",
        remedy="Write each element on a line of its own (jq -c '.[]' FILE > FILE.jsonl).",
    )


def _record(line: Line, encoding: str) -> Event:
    if line.refused:
        return Refused(line.number, "huge_field", line.refused, line.text)
    text = line.text.rstrip("\r\n")
    if not text.isascii() and (reason := bad_characters(text, encoding)):
        return Refused(line.number, "wrong_encoding", reason, text)
    try:
        values = json.loads(text, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        reason = f"Not JSON: {error.msg} at column {error.colno}."
        return Refused(line.number, "bad_json", reason, text)
    except (ValueError, RecursionError) as error:
        return Refused(line.number, "bad_json", f"Not usable JSON: {error}.", text)
    if not isinstance(values, dict):
        reason = f"Expected a JSON object, found {type(values).__name__}."
        return Refused(line.number, "bad_json", reason, text)
    for value in values.values():
        if not isinstance(value, str) or value.isascii():
            continue
        if reason := bad_characters(value, encoding):
            return Refused(line.number, "wrong_encoding", reason, text)
    return Record(line.number, values)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} appears twice")
    return values
