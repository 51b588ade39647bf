"""Rows on disk, memory-mapped: a table of any size costs the memory of the rows asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from journeyman.data.cells import unpack
from journeyman.data.identity import input_hash, occurrences, row_id
from journeyman.errors import DataError

ROW_COLUMN = "__row__"
INPUT_COLUMN = "__input__"
PICTURE_COLUMNS = ("__digest__", "__dhash__", "__width__", "__height__")
"""What a table of pictures has besides: the fields of `PictureFacts`."""
HIDDEN = (ROW_COLUMN, INPUT_COLUMN, *PICTURE_COLUMNS)

Indices = NDArray[np.int64]


class Table:
    """A selection of the rows of one memory-mapped Arrow file.

    The file is never changed; selecting makes another Table over the same file. Beside it stands
    a JSON file with the source it was read from and its SHA-256.
    """

    def __init__(
        self,
        path: Path,
        store: pa.Table,
        about: dict[str, Any],
        indices: Indices | None = None,
        joined: tuple[Table, ...] = (),
    ) -> None:
        self.path = path
        self.about = about
        self._store = store
        self._indices = indices
        self._joined = joined

    @classmethod
    def open(cls, path: Path) -> Table:
        """Map the table written at `path`. Raises DataError when it is not whole."""
        try:
            about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            store = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DataError(
                "A stored table cannot be read.",
                place=str(path),
                expected="an Arrow file and the JSON file beside it",
                found=str(error),
                remedy="Delete the folder it stands in; it is made again from the source.",
            ) from error
        return cls(path, store, about)

    @classmethod
    def join(cls, tables: Sequence[Table], blank: Sequence[str] = ()) -> Table:
        """The rows of several tables as one, in their order, with the columns of the first.

        What a later table has no column for is missing in its rows; empty text in the columns
        `blank`. Ids are unique among all, and those of the first table are what they were.
        """
        if len(tables) == 1:
            return tables[0]
        first = tables[0]
        names = first._store.column_names
        stores = [_with_columns(table._store, names, blank) for table in tables]
        starts = np.cumsum([0, *(store.num_rows for store in stores)])
        digests = "\n".join(str(table.about["sha256"]) for table in tables)
        about = {**first.about, "sha256": hashlib.sha256(digests.encode()).hexdigest()}
        pairs = zip(tables, starts[:-1], strict=True)
        indices = np.concatenate([table.indices + start for table, start in pairs])
        return cls(first.path, pa.concat_tables(stores), about, indices, tuple(tables))

    @property
    def parts(self) -> tuple[Table, ...]:
        """The tables this one was joined of, each with the rows that are left of it."""
        if not self._joined:
            return (self,)
        ends = np.cumsum([part._store.num_rows for part in self._joined])
        origin, found = self.origin, []
        for number, part in enumerate(self._joined):
            start = int(ends[number]) - part._store.num_rows
            whole = Table(part.path, part._store, part.about)
            found.append(whole.select(self.indices[origin == number] - start))
        return tuple(found)

    @property
    def origin(self) -> Indices:
        """For each row, which of the joined tables it is from; 0 is the first, or the only one."""
        ends = np.cumsum([part._store.num_rows for part in self._joined])
        return np.searchsorted(ends, self.indices, side="right").astype(np.int64)

    def __len__(self) -> int:
        return self._store.num_rows if self._indices is None else len(self._indices)

    def __repr__(self) -> str:
        return f"Table({self.source}, {len(self)} rows of {self._store.num_rows})"

    @property
    def source(self) -> str:
        """The file or name the rows were read from; of several, the first."""
        return str(self.about["source"])

    @property
    def columns(self) -> tuple[str, ...]:
        """The user's column names, in the order of the source."""
        return tuple(name for name in self._store.column_names if name not in HIDDEN)

    @property
    def indices(self) -> Indices:
        """Which rows of the file this table holds, in its order."""
        return np.arange(self._store.num_rows) if self._indices is None else self._indices

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the content: of the file, and of which of its rows are selected."""
        whole = str(self.about["sha256"])
        if self._indices is None:
            return whole
        digest = hashlib.sha256(whole.encode())
        digest.update(self._indices.astype("<i8").tobytes())
        return digest.hexdigest()

    @cached_property
    def ids(self) -> list[str]:
        """One id a row, unique within the source.

        The id column where the recipe names one, else a hash of the inputs; repeated ones are
        numbered `-1`, `-2` in the order of the source.
        """
        return self.ids_at(range(len(self)))

    def ids_at(self, positions: Sequence[int]) -> list[str]:
        """The ids of some rows only, without making those of all."""
        physical = self.indices[np.asarray(positions, dtype=np.int64)]
        repeats = self._occurrences[physical].tolist()
        column = self.about.get("id")
        if column is None:
            hashes = self._hidden(INPUT_COLUMN)[physical].tolist()
            return [row_id(key, repeat) for key, repeat in zip(hashes, repeats, strict=True)]
        names = map(unpack, self._take(column, physical))
        pairs = zip(names, repeats, strict=True)
        return [f"{name}-{repeat}" if repeat else str(name) for name, repeat in pairs]

    @cached_property
    def inputs(self) -> NDArray[np.uint64]:
        """A 64-bit hash of each row's inputs; equal inputs, equal hash."""
        return self._hidden(INPUT_COLUMN)[self.indices]

    @property
    def digests(self) -> list[str]:
        """Of a table of pictures, the digest of each row's file."""
        return [str(digest) for digest in self._take(PICTURE_COLUMNS[0], self.indices)]

    @property
    def difference_hashes(self) -> NDArray[np.uint64]:
        """Of a table of pictures, the difference hash of each."""
        return self._hidden(PICTURE_COLUMNS[1])[self.indices].astype(np.uint64)

    @property
    def sizes(self) -> Indices:
        """[N, 2]: of a table of pictures, width and height of each in pixels."""
        sides = [self._hidden(name)[self.indices] for name in PICTURE_COLUMNS[2:]]
        return np.stack(sides, axis=1).astype(np.int64)

    @cached_property
    def row_numbers(self) -> Indices:
        """Where each row starts in the source; the first line of a file is 1."""
        return self._hidden(ROW_COLUMN)[self.indices].astype(np.int64)

    def rows(self, which: slice | Sequence[int] | Indices | None = None) -> list[dict[str, Any]]:
        """Rows as dicts of the user's columns: a slice, positions, or (None) all of them."""
        if which is None or isinstance(which, slice):
            physical = self.indices[which or slice(None)]
        else:
            physical = self.indices[np.asarray(which, dtype=np.int64)]
        columns = [map(unpack, self._take(name, physical)) for name in self.columns]
        names = self.columns
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def stream(self, size: int = 8192) -> Iterator[dict[str, Any]]:
        """All rows as `rows` gives them, of which only `size` are in memory at once."""
        for first in range(0, len(self), size):
            yield from self.rows(slice(first, first + size))

    def column(self, name: str) -> list[Any]:
        """All values of one column. Raises KeyError for a name it does not have."""
        return [unpack(cell) for cell in self._take(name, self.indices)]

    def codes(self, name: str) -> tuple[Indices, list[Any]]:
        """One column as codes into its distinct values, sorted as text; a missing value is -1.

        For columns with few distinct values; the text of each row is never made.
        """
        encoded = self._store.column(name).combine_chunks()
        if encoded.null_count == len(encoded):
            return np.full(len(self), -1, dtype=np.int64), []
        encoded = encoded.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        codes = codes[self.indices]
        values = encoded.dictionary.to_pylist()
        used = sorted(set(np.unique(codes[codes >= 0]).tolist()), key=lambda code: values[code])
        renamed = np.full(len(values) + 1, -1, dtype=np.int64)
        renamed[used] = np.arange(len(used))
        return renamed[codes], [unpack(values[code]) for code in used]

    def filled(self, name: str) -> NDArray[np.bool_]:
        """Which rows have a value in one column."""
        valid: NDArray[np.bool_] = np.asarray(pc.is_valid(self._store.column(name)).to_numpy())
        return valid[self.indices]

    def lengths(self, name: str) -> Indices:
        """The number of characters in each row of one text column; a missing value has 0."""
        lengths = pc.fill_null(pc.utf8_length(self._store.column(name)), 0)
        counted: Indices = np.asarray(lengths.to_numpy(), dtype=np.int64)[self.indices]
        return counted

    def select(self, positions: Sequence[int] | Indices) -> Table:
        """The rows at these positions of this table, in this order."""
        chosen = self.indices[np.asarray(positions, dtype=np.int64)]
        if np.array_equal(chosen, np.arange(self._store.num_rows)):
            return Table(self.path, self._store, self.about, joined=self._joined)
        return Table(self.path, self._store, self.about, chosen, self._joined)

    def source_row(self, position: int) -> tuple[str, int]:
        """The file a row was read from, and the row number there."""
        number = int(self.origin[position])
        source = self._joined[number].source if self._joined else self.source
        return source, int(self.row_numbers[position])

    @cached_property
    def _occurrences(self) -> Indices:
        column = self.about.get("id")
        if column is None:
            return occurrences(self._hidden(INPUT_COLUMN))
        chunks = self._store.column(column).iterchunks()
        keys = [input_hash((cell or "",)) for chunk in chunks for cell in chunk.to_pylist()]
        return occurrences(np.array(keys, dtype=np.uint64))

    def _hidden(self, name: str) -> NDArray[Any]:
        return np.asarray(self._store.column(name).to_numpy())

    @cached_property
    def _chunk_starts(self) -> Indices:
        sizes = [len(chunk) for chunk in self._store.column(ROW_COLUMN).iterchunks()]
        return np.cumsum([0, *sizes])

    def _take(self, name: str, physical: Indices) -> list[str | None]:
        """Cells in the order asked for, touching only the chunks they stand in."""
        if name not in self._store.column_names:
            raise KeyError(name)
        cells = np.empty(len(physical), dtype=object)
        owners = np.searchsorted(self._chunk_starts, physical, side="right") - 1
        order = np.argsort(owners, kind="stable")
        edges = np.flatnonzero(np.diff(owners[order])) + 1
        column = self._store.column(name)
        for positions in np.split(order, edges) if len(order) else ():
            owner = owners[positions[0]]
            local = physical[positions] - self._chunk_starts[owner]
            cells[positions] = column.chunk(owner).take(pa.array(local)).to_pylist()
        return list(cells)


def _with_columns(store: pa.Table, names: Sequence[str], blank: Sequence[str]) -> pa.Table:
    """The columns of those names, in the same chunks; missing ones filled."""
    sizes = [len(chunk) for chunk in store.column(ROW_COLUMN).iterchunks()]
    columns = []
    for name in names:
        if name in store.column_names:
            columns.append(store.column(name))
            continue
        filling = "" if name in blank else None
        chunks = [pa.repeat(pa.scalar(filling, pa.large_string()), size) for size in sizes]
        columns.append(pa.chunked_array(chunks, pa.large_string()))
    return pa.table(columns, names=list(names))


def in_batches(table: Table, name: str, size: int = 8192) -> Iterable[list[Any]]:
    """The values of one column in turn, `size` at a time."""
    for start in range(0, len(table), size):
        yield table.select(range(start, min(start + size, len(table)))).column(name)
