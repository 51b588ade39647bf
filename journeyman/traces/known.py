"""What a run's own tables know of rows that are to go: their ids, hashes and texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.data.collection import Collection
from journeyman.data.identity import row_id
from journeyman.data.options import DataOptions
from journeyman.data.picture_rows import folder_of, whole_path
from journeyman.data.removals import Removals, texts_in
from journeyman.data.table import Table
from journeyman.errors import DataError
from journeyman.traces.removed import Removed


def folders(run: Path) -> list[Path]:
    """Where a run keeps tables: of its data, of those it transfers to, and of each arrival."""
    arrived = sorted(path for path in (run / "adapt").glob("*") if path.is_dir())
    return [run / "data", run / "transfer" / "data", *arrived]


def stored(run: Path) -> Iterator[tuple[Path, Collection]]:
    """Each whole collection of a run, with its folder."""
    for folder in folders(run):
        if (folder / "collection.json").is_file():
            try:
                yield folder, Collection.load(folder)
            except DataError:
                continue  # it is no use to a later run either, and is deleted


def tables_of(folder: Path, collection: Collection) -> list[Table]:
    """Every table that a collection selects from, whole."""
    parts = [part for table in collection.tables.values() for part in table.parts]
    parts += collection.unlabelled
    return [Table.open(path) for path in dict.fromkeys(part.path for part in parts)]


def _every_table(folder: Path) -> Iterator[Table]:
    """Every table there is, those of earlier readings too: a request that was broken off may have
    been followed by a run, which reads the sources anew."""
    for path in sorted(folder.glob("*.arrow")):
        with suppress(DataError):
            yield Table.open(path)


def widened(run: Path, removed: Removed, removals: Removals) -> Removed:
    """The rows with all that the run's tables tell of them, and every row that reads the same.

    Rows of `removals` that still stand in a table are among them: a request that was broken off
    goes on with what it began with. An id that another row bears too is left out, unless it was
    asked for.
    """
    found = removed
    while True:
        before = found
        for folder, collection in stored(run):
            for table in _every_table(folder):
                found = found.joined(_in_table(table, collection.columns, found, removals))
                refused = table.path.with_suffix(".refused.jsonl")
                found = found.joined(_in_refused(refused, collection.columns, found, removals))
        if found == before:
            return found


def own_ids(table: Table, columns: DataOptions) -> Sequence[Any] | None:
    """What the rows' own column of ids holds; None where there is none."""
    name = columns.id or "id"
    return table.column(name) if name in table.columns else None


def gone_in(table: Table, columns: DataOptions, removals: Removals) -> NDArray[np.bool_]:
    """Which rows of a table were removed: what `collect` would leave out of its source."""
    if not removals.digest:
        return np.zeros(len(table), dtype=bool)
    own = own_ids(table, columns)
    by_input = [removals.has_inputs(hashed) for hashed in table.inputs.tolist()]
    by_id = [False] * len(table) if own is None else [removals.has_id(said) for said in own]
    found: NDArray[np.bool_] = np.array(by_input, dtype=bool) | np.array(by_id, dtype=bool)
    return found


def table_without(run: Path, path: Path, removed: Removed, removals: Removals) -> bool:
    """Whether a file is a table of the run that has none of the rows: what reads like one of them
    in it is part of what another row reads."""
    for folder, collection in stored(run):
        for table in _every_table(folder):
            if table.path == path:
                return _in_table(table, collection.columns, removed, removals) == Removed()
    return False


def _in_table(table: Table, columns: DataOptions, removed: Removed, removals: Removals) -> Removed:
    hashes = np.array([int(said, 16) for said in removed.inputs], dtype=np.uint64)
    mask = np.isin(table.inputs, hashes)
    own = own_ids(table, columns)
    if removed.ids:
        mask |= np.array([said in removed.ids for said in table.ids], dtype=bool)
        if own is not None:
            mask |= np.array([str(said) in removed.ids for said in own], dtype=bool)
    texts = [name for name in columns.texts if name in table.columns]
    if removed.texts and len(columns.texts) == 1:
        for name in texts:
            mask |= np.array([cell in removed.texts for cell in table.column(name)], dtype=bool)
    if removals.unfinished:
        mask |= gone_in(table, columns, removals)
    where = np.flatnonzero(mask)
    if not len(where):
        return Removed()
    rows = table.rows(where)
    ids = set(table.ids_at(where.tolist()))
    if own is not None:
        left = {str(said) for said, gone in zip(own, mask.tolist(), strict=True) if not gone}
        ids |= {str(own[at]) for at in where.tolist()}
        ids -= left
    said = [str(row[name]) for row in rows for name in {*texts, *_words(columns)} if row.get(name)]
    return Removed(
        frozenset(ids),
        frozenset(map(row_id, table.inputs[where].tolist())),
        frozenset(said),
    )


def _words(columns: DataOptions) -> tuple[str, ...]:
    """The column that holds the text of rows of tokens."""
    return ("text",) if columns.tags is not None and not columns.texts else ()


def _in_refused(path: Path, columns: DataOptions, removed: Removed, removals: Removals) -> Removed:
    """What refused rows by these ids, or with these texts, read."""
    found: set[str] = set()
    for line in lines_of(path):
        values = line.get("values")
        if not refused_is_gone(values, columns, removed, removals) or not isinstance(values, dict):
            continue
        cells = {cell for n in columns.texts if isinstance(cell := values.get(n), str) and cell}
        found |= cells
        if columns.image is not None:
            found |= {whole_path(cell, folder_of(str(line["file"]))) for cell in cells}
    return Removed.of(texts=found)


def refused_is_gone(
    values: Any, columns: DataOptions, removed: Removed, removals: Removals
) -> bool:
    """Whether a refused row is one of those to go: by its id, or by a text it holds."""
    own = values.get(columns.id or "id") if isinstance(values, dict) else None
    if own is not None and str(own) in removed.ids:
        return True
    told = any(removed.in_text(text) for text in texts_in(values))
    return told or removals.has_values(values, columns)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON Lines; none where there is no file."""
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return []
