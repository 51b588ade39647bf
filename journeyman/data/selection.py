"""Which rows are read at all: those whose columns hold what the recipe names (`data.where`)."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from journeyman.data.record import Event, Noticed, Record
from journeyman.errors import DataError

Where = Mapping[str, Sequence[str | int]]
"""Column to the values wanted; every column must hold one of its own."""

PASSED_OVER = "passed_over"
_VALUES = 1000
_SHOWN = 10


def selected(events: Iterable[Event], where: Where | None, source: str) -> Iterator[Event]:
    """Pass on the rows that are wanted; the others are noticed, not refused.

    A cell is compared as text. Raises DataError at the end when no row was wanted.
    """
    if not where:
        yield from events
        return
    wanted = {name: {str(value) for value in values} for name, values in where.items()}
    seen: dict[str, Counter[str]] = {name: Counter() for name in wanted}
    rows = kept = 0
    for event in events:
        if not isinstance(event, Record):
            yield event
            continue
        rows += 1
        cells = {name: str(event.values.get(name)) for name in wanted}
        for name, cell in cells.items():
            if len(seen[name]) < _VALUES or cell in seen[name]:
                seen[name][cell] += 1
        if all(cell in wanted[name] for name, cell in cells.items()):
            kept += 1
            yield event
        else:
            yield Noticed(event.row, PASSED_OVER, _said(where), "passed over")
    if rows and not kept:
        raise _nothing(wanted, seen, source)


def _said(where: Where) -> str:
    parts = [f"{name} is {' or '.join(map(str, values))}" for name, values in where.items()]
    return f"Rows other than those in which {' and '.join(parts)} are not read (data.where)."


def _nothing(
    wanted: Mapping[str, set[str]], seen: Mapping[str, Counter[str]], source: str
) -> DataError:
    name = next((n for n in wanted if not wanted[n] & set(seen[n])), next(iter(wanted)))
    there = [value for value, _ in seen[name].most_common()]
    near = [m for value in sorted(wanted[name]) for m in difflib.get_close_matches(value, there, 1)]
    more = len(there) - _SHOWN
    return DataError(
        "No row is what data.where asks for.",
        place=f"{source}, column {name!r}",
        expected=" or ".join(sorted(wanted[name])),
        found=", ".join(there[:_SHOWN]) + (f" and {more} more" if more > 0 else ""),
        remedy=f"Did you mean {near[0]!r}?" if near else "Name values that the column holds.",
    )
