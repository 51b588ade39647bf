"""Parquet files, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from journeyman.data.options import DataOptions
from journeyman.data.readers.registry import READERS
from journeyman.data.readers.textfile import locate, refuse
from journeyman.data.record import Event, Record
from journeyman.errors import DataError

_BATCH = 4096


@READERS.register("parquet")
class ParquetReader:
    """Columns of a Parquet file; row numbers count its rows from 1."""

    suffixes: tuple[str, ...] = (".parquet", ".pq")

    def matches(self, source: str, start: bytes) -> bool:
        """Whether the file starts with the mark of Parquet."""
        return start.startswith(b"PAR1")

    def read(self, source: str, options: DataOptions) -> Iterator[Event]:
        """Yield the rows of the file."""
        path = locate(source)
        row = 0
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_BATCH):
                    for values in batch.to_pylist():
                        row += 1
                        yield Record(row, values)
        except (pa.ArrowException, EOFError) as error:
            raise DataError(
                "The Parquet file is damaged or cut off.",
                place=f"{source}, after row {row}",
                expected="a complete Parquet file",
                found=str(error).splitlines()[0],
                remedy="Fetch or write the file again.",
            ) from error
        except OSError as error:
            refuse(source, error)
