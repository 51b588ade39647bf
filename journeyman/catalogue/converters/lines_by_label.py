"""One text a line, one file a label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.entry import DatasetEntry


@CONVERTERS.register("lines_by_label")
def convert_lines_by_label(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """Option `labels` maps a file to its label; blank lines are left out."""
    write_rows(out / entry.splits["train"], _rows(raw, entry.options["labels"]))


def _rows(raw: Path, labels: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, label in labels.items():
        for number, line in enumerate((raw / name).read_text(encoding="utf-8").split("\n"), 1):
            if text := line.strip():
                yield {"id": f"{label}/{number}", "text": text, "label": label}
