"""Labels that an audit suspects, to be asked about beside rows that have none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from journeyman.data.readers.lines import numbered
from journeyman.data.readers.textfile import locate, text_lines
from journeyman.errors import DataError
from journeyman.types import Row

_EXPECTED = 'lines of an audit: {"id", "given", "likely", "suspect", "score", "reasons"}'


@dataclass(frozen=True)
class Suspect:
    """A row whose `given` label is doubted: what is `likely`, and why.

    `row` has what else the audit says of it, such as its text; empty where it says nothing.
    """

    id: str
    given: Any
    likely: Any = None
    score: float = 0.0
    reasons: Sequence[str] = ()
    row: Row = field(default_factory=dict)


_FIELDS = frozenset({"id", "given", "likely", "suspect", "score", "reasons"})


def read_suspects(file: str) -> list[Suspect]:
    """The suspects of an audit's file, the most suspect first; rows that are none are passed over.

    Raises DataError for a file that is no audit, or holds no suspect.
    """
    found: list[Suspect] = []
    looked_at = 0
    with text_lines(locate(file), "utf-8-sig") as lines:
        for line in numbered(lines):
            if line.text.strip():
                looked_at += 1
                found += _suspect(file, line.number, line.text)
    if not found:
        raise DataError(
            "The audit holds no suspect.", place=file, expected=_EXPECTED,
            found=f"{looked_at} rows, none of them suspect" if looked_at else "an empty file",
            remedy="leave --suspects out",
        )  # fmt: skip
    return sorted(found, key=lambda one: (-one.score, one.id))


def _suspect(file: str, number: int, text: str) -> list[Suspect]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, Mapping) or "id" not in said or "suspect" not in said:
        raise DataError(
            "The file is no audit.", place=f"{file}, line {number}", expected=_EXPECTED,
            found=text.strip()[:80], remedy="give the file that `journeyman audit` wrote",
        )  # fmt: skip
    if not said["suspect"]:
        return []
    reasons = said.get("reasons") or ()
    return [
        Suspect(
            str(said["id"]),
            said.get("given"),
            said.get("likely"),
            float(said.get("score") or 0.0),
            [str(each) for each in reasons] if not isinstance(reasons, str) else [reasons],
            {name: value for name, value in said.items() if name not in _FIELDS},
        )
    ]
