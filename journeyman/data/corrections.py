"""Labels that people corrected, kept beside the data: what they answered to an audit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from journeyman.data.identity import input_hash, row_id
from journeyman.data.options import DataOptions
from journeyman.data.readers.csv import CsvReader
from journeyman.data.record import Event, Noticed, Record, Refused
from journeyman.data.table import Table
from journeyman.errors import DataError

ID, CORRECT = "id", "correct"
"""Columns of the file; it may have others."""
NAME = "corrected_label"
GUARDED = "=+-@\t\r"
"""What a cell is kept from beginning with, by an apostrophe, lest a spreadsheet compute it."""


@dataclass(frozen=True)
class Corrections:
    """The right label of some rows, by id; none where `source` is empty."""

    labels: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over what is corrected to what, whatever else the file holds."""
        return sha256(json.dumps(self.labels, sort_keys=True).encode()).hexdigest()

    @classmethod
    def of(cls, data: DataOptions) -> Corrections:
        """Those that `data.corrections` names; none where it names none."""
        return NONE_CORRECTED if data.corrections is None else cls.read(data.corrections)

    @classmethod
    def read(cls, source: str) -> Corrections:
        """From a CSV file with the columns `id` and `correct`, such as the `suspects.csv` of an
        audit, as a spreadsheet may have saved it. A row whose `correct` is empty says nothing.

        Raises DataError for a file that is not such a one, or gives a row two labels.
        """
        labels: dict[str, str] = {}
        for name, label, line in answered(source):
            if labels.setdefault(name, label) != label:
                raise DataError(
                    f"The row {name!r} is corrected twice.",
                    place=f"{source}, line {line}",
                    expected="one right label a row",
                    found=f"{labels[name]!r} and {label!r}",
                    remedy="leave one of them",
                )
        return cls(labels, source)

    def applied(self, events: Iterable[Event], data: DataOptions) -> Iterator[Event]:
        """Pass on what was read, with corrected labels in their column; each is told."""
        seen: Counter[str] = Counter()
        for event in events:
            label = self._of(event, data, seen) if self.labels else None
            if label is None or not isinstance(event, Record):
                yield event
                continue
            detail, action = "Rows whose label was corrected", f"the label is that of {self.source}"
            yield Noticed(event.row, NAME, detail, action, counted=True)
            told: dict[str, Any] = {str(data.label): label}
            if data.soft_label is not None:
                told[data.soft_label] = {label: 1.0}
            yield Record(event.row, {**event.values, **told}, event.picture, event.stated)

    def _of(self, event: Event, data: DataOptions, seen: Counter[str]) -> str | None:
        """The right label of a row, where there is one: by its id column (`id` where none is
        named, as an audit of the file alone takes it), or by what it reads."""
        if not isinstance(event, Record):
            return None
        values, picture = event.values, event.picture
        read = [values[name] for name in data.texts] if picture is None else [picture.digest]
        names = [row_id(input_hash(read))]
        if (said := values.get(data.id or "id")) is not None:
            names.insert(0, str(said))
        found = []
        for name in names:  # Numbered as tables number them.
            found.append(self.labels.get(f"{name}-{seen[name]}" if seen[name] else name))
            seen[name] += 1
        return next((label for label in found if label is not None), None)


NONE_CORRECTED = Corrections()


def _plain(cell: str | None) -> str:
    """A cell without what guards it against being computed."""
    said = (cell or "").strip()
    return said[1:] if said[:1] == "'" and said[1:2] and said[1] in GUARDED else said


def answered(source: str) -> Iterator[tuple[str, str, int]]:
    """The id, the right label and the line of each row of the file that has both."""
    for event in CsvReader().read(source, DataOptions(train=source, header=True)):
        if isinstance(event, Refused):
            raise _unread(f"{source}, line {event.row}", event.reason)
        if not isinstance(event, Record):
            continue
        missing = [name for name in (ID, CORRECT) if name not in event.values]
        if missing:
            raise _unread(source, f"the columns {', '.join(event.values)}")
        name, label = _plain(event.values[ID]), _plain(event.values[CORRECT])
        if name and label:
            yield name, label, event.row


def _unread(place: str, found: str) -> DataError:
    return DataError(
        "The corrections cannot be read.",
        place=place,
        expected=f"a CSV file with the columns {ID} and {CORRECT}, as `journeyman audit` writes "
        "suspects.csv",
        found=found,
        remedy="name such a file, or mend that line",
    )


def corrections_digest(data: DataOptions) -> list[str]:
    """What tells the corrections apart that rows are read with; empty where there are none."""
    return [] if data.corrections is None else [Corrections.of(data).digest]


def check_met(data: DataOptions, told: Sequence[str], table: Table) -> None:
    """Raises DataError where corrections met no row at all: then they are of other data.

    `told` are the names of what reading found; `table` gives an id to show.
    """
    corrections = Corrections.of(data)
    if not corrections.labels or NAME in told:
        return
    raise DataError(
        "None of the corrected rows is in the data.",
        place=f"{corrections.source} (recipe field data.corrections)",
        expected=f"ids of the data's rows, such as {table.ids_at([0])[0]}",
        found=", ".join(sorted(corrections.labels)[:3]),
        remedy="audit this data, with the same id column, and correct what that writes",
    )
