"""Versions whose files are in a database: each distinct file once, by its SHA-256, in chunks.

What is loaded comes into a cache folder of this machine, and is checked against its version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    inspect,
    select,
)

from journeyman.catalogue.home import home
from journeyman.continual.update import Update
from journeyman.files import making_folder
from journeyman.model_state import ModelState
from journeyman.saved.manifest import broken, digest
from journeyman.versions.keeper import Keeper
from journeyman.versions.records import Records
from journeyman.versions.shelf import Shelf, files_of, whole

CHUNK = 1 << 22
"""Bytes of a file that are one row."""

TABLES = MetaData()
FILES = Table(
    "journeyman_files",
    TABLES,
    Column("model", Text, primary_key=True),
    Column("version", String(12), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("bytes", BigInteger, nullable=False),
)
CHUNKS = Table(
    "journeyman_chunks",
    TABLES,
    Column("sha256", String(64), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)


class Chunks(Keeper):
    """The versions of the records' model, in the records' database."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.place = records.place
        with records.transaction(reading=True) as connection:
            made = inspect(connection).has_table(CHUNKS.name)
        if not made:
            with records.transaction() as connection:
                TABLES.create_all(connection)

    @property
    def made(self) -> bool:
        """A database that could be opened is a store."""
        return True

    def records(self) -> Records:
        """The records beside the files."""
        return self._records

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One transaction: what happens within happens at once; others wait for its end."""
        with self._records.transaction():
            yield

    @contextmanager
    def reading(self) -> Iterator[bool]:
        """Nothing is ever left half done in a database."""
        yield False

    def standing(self) -> str | None:
        """The version that is recorded as the one that serves."""
        with self._records.transaction(reading=True):
            return self._records.current()

    def unfinished(self) -> list[Update]:
        """Nothing is ever left half done in a database."""
        return []

    def keep(self, model: ModelState, update: Update, near: str | None) -> Update:
        """Write a model to the cache, and its files to the database."""
        with self._cache() as cache:
            named = cache.take(model, update, None)
            self._store(cache.path(named.version), named.version)
        return named

    def keep_folder(self, folder: Path, update: Update) -> None:
        """Take in the model of a folder as it is."""
        with self._cache() as cache:
            cache.take_folder(folder, update)
            self._store(cache.path(update.version), update.version)

    def holds(self, version: str) -> bool:
        """Whether the files of a version are in the database."""
        query = select(FILES.c.path).where(*self._named(version))
        with self._records.transaction(reading=True) as connection:
            return connection.execute(query).first() is not None

    def folder(self, version: str) -> Path:
        """The version's files in the cache, fetched where they are not whole there.

        Raises ModelError where the database does not hold what was stored.
        """
        with self._cache() as cache:
            path = cache.path(version)
            if not whole(path, version):
                cache.drop(version)
                with making_folder(path) as beside:
                    self._fetch(version, beside)
                if not whole(path, version):
                    cache.drop(version)
                    raise broken(self.place, f"version {version}", "files of another one")
        return path

    def serve(self, version: str, lines: Sequence[str]) -> None:
        """The records say so, in the transaction that holds the store."""

    def lines(self) -> list[str]:
        """Decisions are in the records alone."""
        return []

    def tell(self, lines: Sequence[str]) -> None:
        """Decisions are in the records alone."""

    def drop(self, version: str) -> None:
        """Delete a version's files, and the chunks that no version needs any more."""
        with self._records.transaction() as connection:
            connection.execute(delete(FILES).where(*self._named(version)))
            unused = CHUNKS.c.sha256.not_in(select(FILES.c.sha256))
            connection.execute(delete(CHUNKS).where(unused))
        with self._cache() as cache:
            cache.drop(version)

    @contextmanager
    def _cache(self) -> Iterator[Shelf]:
        folder = home() / "versions"
        folder.mkdir(exist_ok=True)
        with FileLock(folder / ".lock", is_singleton=True):
            yield Shelf(folder, links=False)

    def _named(self, version: str) -> tuple[Any, Any]:
        return FILES.c.model == self._records.model, FILES.c.version == version

    def _store(self, folder: Path, version: str) -> None:
        with self._records.transaction() as connection:
            connection.execute(delete(FILES).where(*self._named(version)))
            named = {"model": self._records.model, "version": version}
            for name in files_of(folder):
                path = folder / name
                held = {"sha256": digest(path), "bytes": path.stat().st_size}
                connection.execute(insert(FILES).values(**named, path=name, **held))
                known = select(CHUNKS.c.part).where(CHUNKS.c.sha256 == held["sha256"])
                if connection.execute(known.limit(1)).first() is None:
                    for part, content in enumerate(_chunks(path)):
                        values = {"sha256": held["sha256"], "part": part, "content": content}
                        connection.execute(insert(CHUNKS).values(**values))

    def _fetch(self, version: str, folder: Path) -> None:
        """Write a version's files to a folder, each checked as it comes."""
        with self._records.transaction(reading=True) as connection:
            wanted = select(FILES.c.path, FILES.c.sha256).where(*self._named(version))
            for name, sum_of in connection.execute(wanted).all():
                path = folder / name
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise broken(self.place, "files within the version", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                found, part = sha256(), 0
                with path.open("wb") as file:
                    while (content := self._chunk(sum_of, part)) is not None:
                        file.write(content)
                        found.update(content)
                        part += 1
                if found.hexdigest() != sum_of:
                    place = f"{self.place}, {name} of version {version}"
                    raise broken(
                        place, f"SHA-256 {sum_of[:12]}", f"SHA-256 {found.hexdigest()[:12]}"
                    )

    def _chunk(self, sum_of: str, part: int) -> bytes | None:
        query = select(CHUNKS.c.content).where(CHUNKS.c.sha256 == sum_of, CHUNKS.c.part == part)
        with self._records.transaction(reading=True) as connection:
            content = connection.execute(query).scalar()
        return None if content is None else bytes(content)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        content = file.read(CHUNK)
        yield content
        while content := file.read(CHUNK):
            yield content
