"""An audit as files: every row as JSON Lines, and the suspects as a table for people to correct."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from journeyman.audits.base import Audit
from journeyman.data.corrections import CORRECT, GUARDED, ID, Corrections
from journeyman.files import write_text

LINES, TABLE = "audit.jsonl", "suspects.csv"
COLUMNS = (ID, CORRECT, "given", "likely", "score", "text", "reasons", "split", "file", "row")
"""Of the table; `correct` is empty, for the person who judges."""


def write_rows(audit: Audit, folder: Path) -> None:
    """Write `audit.jsonl` with every row, in the order of the data."""
    lines = (json.dumps(row.to_json(), ensure_ascii=False) for row in audit.rows)
    write_text(folder / LINES, "".join(f"{line}\n" for line in lines))


def answers_in(folder: Path) -> Mapping[str, str]:
    """What a person wrote into the table there, by id: to be asked before an audit, too, since it
    would be in vain where the table cannot be read. Raises DataError."""
    path = folder / TABLE
    return Corrections.read(str(path)).labels if path.is_file() else {}


def write_suspects(audit: Audit, folder: Path) -> None:
    """Write `suspects.csv`: the suspects, the most doubtful first.

    What a person wrote into one that stands there is kept: in the rows that are suspect still, and
    in rows of its own, last, of those that are not. Raises DataError where it cannot be read.
    """
    path, kept = folder / TABLE, answers_in(folder)
    shown = {row.id for row in audit.suspects}
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in [*audit.suspects, *(row for row in audit.rows if row.id in kept.keys() - shown)]:
        told = {**row.to_json(), CORRECT: kept.get(row.id, ""), "reasons": "; ".join(row.reasons)}
        writer.writerow([_cell(told[name]) for name in COLUMNS])
    for name in sorted(kept.keys() - {row.id for row in audit.rows}):
        told = {**dict.fromkeys(COLUMNS, ""), ID: name, CORRECT: kept[name]}
        writer.writerow([_cell(told[column]) for column in COLUMNS])
    write_text(path, out.getvalue())


def _cell(value: Any) -> Any:
    """A value as a cell that a spreadsheet takes as text, never as a formula."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    guarded = isinstance(value, str) and value.startswith(tuple(GUARDED))
    return f"'{value}" if guarded else value
