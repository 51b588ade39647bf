"""What a converter is: a function from an entry's raw files to what is kept.

Of a dataset that is JSON Lines, each file that the entry's `splits` name; of a backbone, a folder
in the Hugging Face layout. A converter gives the same bytes for the same raw files. A new one is
one file here that registers its function.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from journeyman.registry import Registry

Convert = Callable[[Path, Path, Any], None]
"""From the folder of raw files to the folder of converted ones, as the entry says; the last
argument is a DatasetEntry or a BackboneEntry."""

CONVERTERS: Registry[Convert] = Registry("converter", "journeyman.catalogue.converters")


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line, UTF-8, keys in the order given."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
