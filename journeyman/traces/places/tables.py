"""The tables of a run: rows as read, which of them are in which split, and those refused.

New tables are written beside the old ones; the collection's own file, written last, changes over
from those to these. So a kill leaves the old collection or the new one, whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journeyman.data.collection import Collection, done_under
from journeyman.data.findings import SHOWN_ROWS, Finding, ordered
from journeyman.data.ingest import REMOVED_ACTION, removed_detail
from journeyman.data.options import DataOptions
from journeyman.data.quarantine import write_quarantine, write_refused
from journeyman.data.record import Refused
from journeyman.data.removals import NAME, REASON
from journeyman.data.table import Indices, Table
from journeyman.data.writer import describe
from journeyman.files import replacing, write_bytes
from journeyman.traces.known import folders, gone_in, lines_of, refused_is_gone, stored, tables_of
from journeyman.traces.places.base import PLACES, Place, Request
from journeyman.traces.places.leftovers import remove

_WITHOUT = "-"
"""What parts the name of a source's table from the digest of the removals it was read without."""


@PLACES.register("tables")
class Tables(Place):
    """The folders `data/`, `transfer/data/` and `adapt/NAME/` of a run; `quarantine.jsonl`."""

    name = "tables"
    rank = 4

    def clear(self, request: Request) -> int:
        """Write them without the removed rows; splits stay as they are. What no collection needs
        is deleted: it is read again from the sources."""
        count, whole = 0, dict(stored(request.run))
        for folder in folders(request.run):
            if folder in whole:
                count += _rewritten(folder, whole[folder], request)
                _tidy(folder)
            elif folder.is_dir():
                remove(folder)
        refused, own = request.run / "data" / "quarantine.jsonl", request.run / "quarantine.jsonl"
        if refused.is_file() and own.is_file():
            write_bytes(own, refused.read_bytes())
        return count


@dataclass(frozen=True)
class _Fresh:
    """A table without the removed rows.

    `number` [rows before] is where each row is now, or -1; `away` are where removed rows start in
    the source, those of earlier requests too; `count` is of this one.
    """

    table: Table
    number: Indices
    away: frozenset[int]
    refused: Path
    count: int


def _rewritten(folder: Path, collection: Collection, request: Request) -> int:
    """Write the collection in `folder` without the removed rows; how many of them it had."""
    key, removed = done_under(folder) or ("", "")
    if removed == request.removals.digest:
        return 0
    columns = collection.columns
    tables = tables_of(folder, collection)
    fresh = {table.path: _fresh(table, columns, request) for table in tables}
    splits: dict[str, Any] = {
        role: Table.join([_moved(part, fresh) for part in table.parts], columns.slices)
        for role, table in collection.tables.items()
    }
    away = {table.source: fresh[table.path].away for table in tables}
    told = [_told(each, away, request) for each in collection.findings]
    about = [_about_removed(each) for each in fresh.values()]
    refused = [each.refused for each in fresh.values()]
    left = replace(
        collection,
        **splits,
        unlabelled=tuple(_moved(table, fresh) for table in collection.unlabelled),
        findings=ordered(finding for finding in (*told, *about) if finding is not None),
        quarantined=write_quarantine(folder / "quarantine.jsonl", refused),
    )
    left.save(folder, key, request.removals.digest)
    return sum(each.count for each in fresh.values())


def _fresh(table: Table, columns: DataOptions, request: Request) -> _Fresh:
    """Write a table, and its refused rows, without those that are to go."""
    base = table.path.stem.split(_WITHOUT)[0]
    path = table.path.with_name(f"{base}{request.removals.suffix}.arrow")
    refused = path.with_suffix(".refused.jsonl")
    gone = gone_in(table, columns, request.removals)
    lines = _lines(table, gone, columns, request)
    before = sum(line["name"] == NAME for line in _refused_of(table))
    away = frozenset(line.row for _, line in lines if line.name == NAME)
    number = np.where(gone, -1, np.cumsum(~gone) - 1)
    count = sum(line.name == NAME for _, line in lines) - before
    made = _Fresh(table, number, away, refused, count)
    with replacing(refused) as beside, beside.open("w", encoding="utf-8") as file:
        for source, line in lines:
            write_refused(file, source, line)
    said = [Finding(**{**each, "source": table.source}) for each in table.about["findings"]]
    told = [_told(each, {table.source: away}, request) for each in said]
    found = ordered(f for f in (*told, _about_removed(made)) if f is not None)
    about = {
        **table.about,
        "rows": int((~gone).sum()),
        "refused": len(lines),
        "findings": [each.model_dump(mode="json") for each in found],
    }
    with replacing(path) as beside:
        _write(table, gone, beside)
        describe(path, beside, about)
    return replace(made, table=Table.open(path))


def _write(table: Table, gone: NDArray[np.bool_], path: Path) -> None:
    with pa.memory_map(str(table.path)) as mapped:
        store = pa.ipc.open_file(mapped).read_all()
        with pa.ipc.new_file(str(path), store.schema) as writer:
            for batch in store.filter(_mask(~gone)).to_batches():
                writer.write_batch(batch)


def _mask(kept: NDArray[np.bool_]) -> pa.Array:
    """As `pa.array`, which would import pandas for it."""
    bits = pa.py_buffer(np.packbits(kept, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.bool_(), len(kept), [None, bits])


def _lines(
    table: Table, gone: NDArray[np.bool_], columns: DataOptions, request: Request
) -> list[tuple[str, Refused]]:
    """Refused rows with their file: of those to go nothing is left, as if they were read now."""
    found = []
    for line in _refused_of(table):
        values, reason = line["values"], line["reason"]
        away = line["name"] == NAME or request.removed.in_text(reason)
        away = away or refused_is_gone(values, columns, request.removed, request.removals)
        kept = Refused(line["row"], line["name"], reason, values)
        found.append((line["file"], Refused(line["row"], NAME, REASON) if away else kept))
    for row in table.row_numbers[gone].tolist():
        found.append((table.source, Refused(row, NAME, REASON)))
    return sorted(found, key=lambda each: (each[0], each[1].row))


def _refused_of(table: Table) -> list[dict[str, Any]]:
    return lines_of(table.path.with_suffix(".refused.jsonl"))


def _moved(part: Table, fresh: Mapping[Path, _Fresh]) -> Table:
    """The rows of a split that are left, in their order, of the new table."""
    found = fresh[part.path]
    places = found.number[part.indices]
    table = Table.open(found.table.path)
    table.about["source"] = part.about["source"]
    return table.select(places[places >= 0])


def _told(finding: Finding, gone: Mapping[str, frozenset[int]], request: Request) -> Finding | None:
    """A finding without what it says of removed rows; None where it was of these alone."""
    if finding.name == NAME:
        return None
    away = gone.get(finding.source, frozenset())
    rows = tuple(row for row in finding.rows if row not in away)
    detail = finding.detail
    if rows != finding.rows or request.removed.in_text(detail):
        detail = detail.split(" The first: ")[0]
    if request.removed.in_text(detail):
        return None
    if not rows and finding.rows and finding.count <= len(finding.rows):
        return None
    return finding.model_copy(update={"rows": rows, "detail": detail})


def _about_removed(made: _Fresh) -> Finding | None:
    if not made.away:
        return None
    return Finding(
        name=NAME,
        severity="note",
        count=len(made.away),
        rows=tuple(sorted(made.away)[:SHOWN_ROWS]),
        source=made.table.source,
        detail=removed_detail(len(made.away)),
        action=REMOVED_ACTION,
    )


def _tidy(folder: Path) -> None:
    """Delete what the collection does not name: tables read with other settings, and old ones."""
    collection = Collection.load(folder)
    keep = {"collection.json", "splits.json", "quarantine.jsonl"}
    for table in tables_of(folder, collection):
        stem = table.path.with_suffix("")
        keep |= {f"{stem.name}{end}" for end in (".arrow", ".json", ".refused.jsonl")}
    keep |= _index_files(folder)
    for path in folder.iterdir():
        if path.name not in keep:
            remove(path)


def _index_files(folder: Path) -> set[str]:
    content = json.loads((folder / "collection.json").read_text(encoding="utf-8"))
    named = [*content["splits"].values(), *content.get("added", ()), *content.get("unlabelled", ())]
    return {about["indices"] for about in named}
