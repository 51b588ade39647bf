"""Rows that cannot be used, kept with the reason and what they held."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from journeyman.data.record import Refused
from journeyman.files import replacing

SHOWN_CHARACTERS = 10_000
"""Characters of a refused value that are kept; a longer one is cut, and says so."""


def write_refused(file: IO[str], source: str, refused: Refused) -> None:
    """Append one refused row as a line of JSON."""
    line = {
        "file": source,
        "row": refused.row,
        "name": refused.name,
        "reason": refused.reason,
        "values": _shortened(refused.values),
    }
    file.write(json.dumps(line, ensure_ascii=True, default=str) + "\n")


def write_quarantine(path: Path, parts: Iterable[Path]) -> int:
    """Join the refused rows of several sources, in their order; the number of rows."""
    rows = 0
    with replacing(path) as beside, beside.open("wb") as file:
        for part in parts:
            with part.open("rb") as lines:
                for line in lines:
                    file.write(line)
                    rows += 1
    return rows


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > SHOWN_CHARACTERS:
        return f"{value[:SHOWN_CHARACTERS]}... (cut; {len(value)} characters)"
    if isinstance(value, dict):
        return {name: _shortened(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(part) for part in value[:1000]]
    return value
