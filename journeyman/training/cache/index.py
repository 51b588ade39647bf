"""The SQLite index of the feature cache: which shard holds which row."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.errors import ResourceError

SCHEMA = """
CREATE TABLE IF NOT EXISTS shards (
    name TEXT PRIMARY KEY, namespace TEXT NOT NULL, hidden INTEGER NOT NULL, bytes INTEGER NOT NULL,
    pooled_sum INTEGER NOT NULL, hidden_sum INTEGER NOT NULL, seconds_per_token REAL NOT NULL,
    used REAL NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    namespace TEXT NOT NULL, key BLOB NOT NULL, hidden INTEGER NOT NULL, shard TEXT NOT NULL,
    position INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, source INTEGER,
    PRIMARY KEY (namespace, key, hidden)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_of_shard ON entries (shard);
"""
CHUNK = 500
WAIT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one row's features are: row `position` of a shard, tokens [start, start + length).

    `source` is a hash of what the row was made from, told when it is entered; None where not known.
    """

    shard: str
    position: int
    start: int
    length: int
    source: int | None = None


@dataclass(frozen=True)
class ShardRecord:
    """What the index keeps of a shard: its size, checksums and what a token of it cost."""

    name: str
    namespace: str
    hidden: bool
    bytes: int
    pooled_sum: int
    hidden_sum: int
    seconds_per_token: float


def _signed(source: int | None) -> int | None:
    """64 bits as SQLite takes them."""
    return source if source is None or source < 1 << 63 else source - (1 << 64)


class CacheIndex:
    """Opens, or makes, the index in `folder`; safe under several processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                folder / "index.sqlite",
                timeout=WAIT_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.executescript(SCHEMA)
            if "source" not in {row[1] for row in self._ask("PRAGMA table_info(entries)")}:
                self._widen()

    def _widen(self) -> None:
        """Give an index of an earlier version its last column; of other processes, any one does."""
        with suppress(sqlite3.OperationalError):
            self._db.execute("ALTER TABLE entries ADD COLUMN source INTEGER")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what SQLite says as a mistake that can be mended."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise ResourceError(
                "The feature cache cannot be used.",
                place=str(self.folder),
                expected="a folder this user can write, with an intact index.sqlite",
                found=str(error),
                remedy="set JOURNEYMAN_HOME to another folder, or delete this one: it is a cache",
            ) from error

    def _ask(self, question: str, values: Sequence[object] = ()) -> list[Any]:
        with self._told():
            return self._db.execute(question, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that no other process's writes overlap."""
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def find(self, namespace: str, keys: Sequence[bytes], hidden: bool) -> dict[bytes, Entry]:
        """The entries of `keys`; rows kept with hidden states also serve those without."""
        found: dict[bytes, Entry] = {}
        names: dict[str, str] = {}
        for at in range(0, len(keys), CHUNK):
            chunk = keys[at : at + CHUNK]
            marks = ",".join("?" * len(chunk))
            rows = self._ask(
                "SELECT key, shard, position, start, length FROM entries WHERE namespace = ? "
                f"AND hidden >= ? AND key IN ({marks}) ORDER BY hidden DESC",
                (namespace, int(hidden), *chunk),
            )
            for key, shard, *where in rows:
                found[bytes(key)] = Entry(names.setdefault(shard, shard), *where)
        return found

    def shards(self, names: Iterable[str]) -> dict[str, ShardRecord]:
        """The records of the named shards that still exist."""
        records = {}
        for name in names:
            rows = self._ask(
                "SELECT name, namespace, hidden, bytes, pooled_sum, hidden_sum, seconds_per_token "
                "FROM shards WHERE name = ?",
                (name,),
            )
            for row in rows:
                records[name] = ShardRecord(row[0], row[1], bool(row[2]), *row[3:])
        return records

    def add(self, record: ShardRecord, entries: Mapping[bytes, Entry]) -> None:
        """Enter a shard and its rows, inside `writing`; rows another process entered stay."""
        self._db.execute(
            "INSERT INTO shards VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.name,
                record.namespace,
                int(record.hidden),
                record.bytes,
                record.pooled_sum,
                record.hidden_sum,
                record.seconds_per_token,
                time.time(),
            ),
        )
        about, hidden = record.namespace, int(record.hidden)
        self._db.executemany(
            "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (about, key, hidden, e.shard, e.position, e.start, e.length, _signed(e.source))
                for key, e in entries.items()
            ],
        )

    def touch(self, names: Iterable[str]) -> None:
        """Mark shards as just used."""
        now = time.time()
        with self.writing() as db:
            db.executemany("UPDATE shards SET used = ? WHERE name = ?", [(now, n) for n in names])

    def drop(self, name: str) -> None:
        """Forget a shard and its rows, inside `writing`."""
        self._db.execute("DELETE FROM entries WHERE shard = ?", (name,))
        self._db.execute("DELETE FROM shards WHERE name = ?", (name,))

    def sources(self) -> set[int]:
        """Hashes of what rows were made from, where they are known."""
        found = self._ask("SELECT DISTINCT source FROM entries WHERE source IS NOT NULL")
        return {source % (1 << 64) for (source,) in found}

    def made_from(self, sources: Iterable[int]) -> dict[str, int]:
        """How many rows of each shard were made from one of these, or from what is not known."""
        wanted = {_signed(source) for source in sources}
        found: dict[str, int] = {}
        for shard, source in self._ask("SELECT shard, source FROM entries"):
            if source is None or source in wanted:
                found[shard] = found.get(shard, 0) + 1
        return found

    def scrub(self) -> None:
        """Leave nothing in the files of what was deleted: neither in free pages nor in the log.

        Raises ResourceError while another process holds on to an older state.
        """
        self._ask("VACUUM")
        ((busy, *_),) = self._ask("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise ResourceError(
                "The feature cache is in use, so what was deleted still stands in its log.",
                place=str(self.folder),
                expected="no other process that reads the cache",
                found="one that does",
                remedy="do the same again when other runs are over",
            )

    def least_used(self) -> list[tuple[str, int]]:
        """Every shard's name and bytes, the longest unused first."""
        return self._ask("SELECT name, bytes FROM shards ORDER BY used, name")

    def total_bytes(self) -> int:
        """Bytes of all shards on disk."""
        return int(self._ask("SELECT COALESCE(SUM(bytes), 0) FROM shards")[0][0])

    def close(self) -> None:
        """Close the connection."""
        self._db.close()
