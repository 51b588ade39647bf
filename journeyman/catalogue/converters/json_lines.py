"""JSON Lines with columns renamed, plain or gzipped."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.entry import DatasetEntry


@CONVERTERS.register("json_lines")
def convert_json_lines(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """Options: `files` (split: file), `columns` (new name: old name); others are left out.

    A column that a file does not have is null there.
    """
    for split, name in entry.options["files"].items():
        write_rows(out / entry.splits[split], _rows(raw / name, entry.options["columns"]))


def _rows(path: Path, columns: dict[str, str]) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            yield {new: record.get(old) for new, old in columns.items()}
