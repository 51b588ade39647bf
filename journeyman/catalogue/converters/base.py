"""What a converter is: a function from an entry's raw files to JSON Lines, one file a split.

A converter gives the same bytes for the same raw files. It writes each file the entry's `splits`
name. A new one is one file here that registers its function.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from journeyman.catalogue.entry import DatasetEntry
from journeyman.registry import Registry

Convert = Callable[[Path, Path, DatasetEntry], None]
"""From the folder of raw files to the folder of converted ones, as the entry says."""

CONVERTERS: Registry[Convert] = Registry("converter", "journeyman.catalogue.converters")


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line, UTF-8, keys in the order given."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
