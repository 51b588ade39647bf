"""A length of time as people write it: `90s`, `5m`, `1h30m`, or a number of seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_WRITTEN = re.compile(r"(?:\d+(?:\.\d+)?[hms])+")


@dataclass(frozen=True)
class Told:
    """What may stand in a field, in words: messages say it in place of the type."""

    words: str


def seconds(value: Any) -> float:
    """Seconds of a duration. Raises a pydantic error, which names no field, for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    text = str(value).strip().replace(" ", "").lower()
    if isinstance(value, str) and _WRITTEN.fullmatch(text):
        parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", text)
        total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        if total > 0:
            return total
    raise PydanticCustomError("duration", "not a duration such as 90s, 5m or 1h")


Duration = Annotated[
    float,
    BeforeValidator(seconds, json_schema_input_type=float | str),
    Told("a duration above 0 such as 90s, 5m or 1h30m, or a number of seconds"),
]
