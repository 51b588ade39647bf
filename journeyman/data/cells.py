"""A value as a cell of text: strings as they are, anything else as JSON behind a NUL mark.

One type of cell for every column lets rows whose types differ (JSON Lines) be written as they
stream by, without knowing those still to come.
"""

from __future__ import annotations

import json
from typing import Any

_JSON = "\0j"
_TEXT = "\0s"


def pack(value: Any) -> str | None:
    """The cell that holds `value`; None stays a missing cell."""
    if type(value) is str:
        return value if not value.startswith("\0") else _TEXT + value
    return None if value is None else _JSON + json.dumps(value, default=str)


def unpack(cell: str | None) -> Any:
    """The value a cell holds."""
    if cell is None or not cell.startswith("\0"):
        return cell
    return json.loads(cell[2:]) if cell.startswith(_JSON) else cell[2:]
