"""An audit as files: every row as JSON Lines, and the suspects as a table for people to correct."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from journeyman.audits.base import Audit
from journeyman.data.corrections import CORRECT, GUARDED, ID
from journeyman.files import write_text

LINES, TABLE = "audit.jsonl", "suspects.csv"
COLUMNS = (ID, CORRECT, "given", "likely", "score", "text", "reasons", "split", "file", "row")
"""Of the table; `correct` is empty, for the person who judges."""


def write_rows(audit: Audit, folder: Path) -> None:
    """Write `audit.jsonl` with every row, in the order of the data."""
    lines = (json.dumps(row.to_json(), ensure_ascii=False) for row in audit.rows)
    write_text(folder / LINES, "".join(f"{line}\n" for line in lines))


def write_suspects(audit: Audit, folder: Path) -> None:
    """Write `suspects.csv`: the suspects, the most doubtful first."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in audit.suspects:
        told = {**row.to_json(), CORRECT: "", "reasons": "; ".join(row.reasons)}
        writer.writerow([_cell(told[name]) for name in COLUMNS])
    write_text(folder / TABLE, out.getvalue())


def _cell(value: Any) -> Any:
    """A value as a cell that a spreadsheet takes as text, never as a formula."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    guarded = isinstance(value, str) and value.startswith(tuple(GUARDED))
    return f"'{value}" if guarded else value
