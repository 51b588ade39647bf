"""Comma-separated tables, one a split."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.entry import DatasetEntry


@CONVERTERS.register("csv_table")
def convert_csv_table(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """Options: `files` (split: file), `columns` (new name: old name), `values`.

    `values` maps a column to {old value: new value}. Columns not named are left out; a row's id
    is its split and number.
    """
    columns, values = entry.options["columns"], entry.options.get("values", {})
    for split, name in entry.options["files"].items():
        write_rows(out / entry.splits[split], _rows(raw / name, split, columns, values))


def _rows(
    path: Path, split: str, columns: dict[str, str], values: dict[str, dict[str, str]]
) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, record in enumerate(csv.DictReader(file), 1):
            row = {"id": f"{split}/{number}"}
            for new, old in columns.items():
                row[new] = values.get(new, {}).get(record[old], record[old])
            yield row
