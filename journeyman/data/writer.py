"""Writing a table as its rows stream by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from journeyman.data.cells import pack
from journeyman.data.identity import input_hash
from journeyman.data.record import Record
from journeyman.data.table import HIDDEN, INPUT_COLUMN, PICTURE_COLUMNS, ROW_COLUMN, Table
from journeyman.errors import DataError
from journeyman.files import replacing, write_json

BATCH_ROWS = 8192
BATCH_CHARACTERS = 8_000_000
MAX_COLUMNS = 2000

_PICTURE_TYPES = (pa.string(), pa.uint64(), pa.int32(), pa.int32())


class ArrowWriter:
    """Appends records to an Arrow file; a column first met late widens what is written already.

    With `pictures`, records carry the facts of a picture, and the digest of its file is the input
    that is hashed, not its path.
    """

    def __init__(self, path: Path, inputs: Sequence[str], *, pictures: bool = False) -> None:
        self._path = path
        self._inputs = tuple(inputs)
        self._hidden = [(ROW_COLUMN, pa.int64()), (INPUT_COLUMN, pa.uint64())]
        if pictures:
            self._hidden += zip(PICTURE_COLUMNS, _PICTURE_TYPES, strict=True)
        self._columns: dict[str, None] = {}
        self._pending: list[Record] = []
        self._characters = 0
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self.rows = 0

    def __enter__(self) -> ArrowWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
            if self._writer is None:
                self._writer = pa.ipc.new_file(str(self._path), self._schema())
        if self._writer is not None:
            self._writer.close()

    def add(self, record: Record) -> None:
        """Append one row; every input column must hold text."""
        self._pending.append(record)
        self._characters += sum(len(record.values[name]) for name in self._inputs)
        self.rows += 1
        if len(self._pending) >= BATCH_ROWS or self._characters > BATCH_CHARACTERS:
            self._flush()

    def _schema(self) -> pa.Schema:
        return pa.schema(self._hidden + [(name, pa.large_string()) for name in self._columns])

    def _flush(self) -> None:
        if not self._pending:
            return
        self._learn_columns()
        rows = [record.values for record in self._pending]
        known = zip(*map(self._known, self._pending), strict=True)
        arrays = [
            pa.array(part, type_) for part, (_, type_) in zip(known, self._hidden, strict=True)
        ]
        for name in self._columns:
            cells = [pack(row.get(name)) for row in rows]
            arrays.append(pa.array(cells, pa.large_string()))
        if self._writer is None:
            raise RuntimeError("the table has no file yet: no row has been taken in")
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema()))
        self._pending, self._characters = [], 0

    def _known(self, record: Record) -> tuple[Any, ...]:
        """The cells of the hidden columns."""
        facts = record.picture
        if facts is None:
            return record.row, input_hash([record.values[name] for name in self._inputs])
        hashed = input_hash((facts.digest,))
        return (
            record.row, hashed, facts.digest, facts.difference_hash, facts.width, facts.height,
        )  # fmt: skip

    def _learn_columns(self) -> None:
        before = len(self._columns)
        for record in self._pending:
            if record.values.keys() - self._columns.keys():
                self._columns.update(dict.fromkeys(record.values))
        if len(self._columns) > MAX_COLUMNS:
            raise DataError(
                "The rows have too many different columns.",
                expected=f"at most {MAX_COLUMNS} columns",
                found=f"{len(self._columns)} by row {self._pending[-1].row}",
                remedy="Put open-ended keys into one nested object.",
            )
        if taken := [name for name in HIDDEN if name in self._columns]:
            raise DataError(
                f"The column name {taken[0]!r} is used by Journeyman itself.",
                expected="any other name",
                found=taken[0],
                remedy="Rename the column.",
            )
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._path), self._schema())
        elif len(self._columns) > before:
            self._widen()

    def _widen(self) -> None:
        """Write what is there again under the wider schema, batch by batch."""
        if self._writer is None:
            raise RuntimeError("the table has no file yet: no row has been taken in")
        self._writer.close()
        narrow = self._path.with_name(self._path.name + ".narrow")
        self._path.replace(narrow)
        schema = self._schema()
        self._writer = pa.ipc.new_file(str(self._path), schema)
        with pa.memory_map(str(narrow)) as mapped:
            written = pa.ipc.open_file(mapped)
            for number in range(written.num_record_batches):
                batch = written.get_batch(number)
                missing = pa.nulls(len(batch), pa.large_string())
                known = set(batch.schema.names)
                columns = [batch[name] if name in known else missing for name in schema.names]
                self._writer.write_batch(pa.record_batch(columns, schema=schema))
        narrow.unlink()


def describe(path: Path, written: Path, about: dict[str, Any]) -> None:
    """Write the JSON file beside the table at `path`, whose content is now at `written`."""
    with written.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    write_json(path.with_suffix(".json"), {**about, "sha256": digest})


def write_table(
    records: Iterable[Record],
    path: Path,
    *,
    inputs: Sequence[str],
    id_column: str | None = None,
    source: str = "memory",
) -> Table:
    """Write records to the Arrow file `path` and open it; for rows that are in memory already."""
    with replacing(path) as beside:
        with ArrowWriter(beside, inputs) as writer:
            for record in records:
                writer.add(record)
        describe(path, beside, {"source": source, "id": id_column, "rows": writer.rows})
    return Table.open(path)
