"""The records of a store of versions: tables of an SQLite file or of a PostgreSQL database.

One process writes at a time: SQLite by its own lock, PostgreSQL by an advisory lock that ends with
the transaction.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from journeyman.continual.update import Update
from journeyman.database import address, shown
from journeyman.errors import MissingExtraError, ModelError, ResourceError
from journeyman.versions.version import Version, now

SCHEMA = 1
WAIT = 3600
"""Seconds that a process waits for another one's transaction, of SQLite."""
READING = "journeyman_reading"
"""The option of a connection that only reads."""
_LOCK = 0x6A6F75726E
"""The key of the advisory lock, of PostgreSQL."""

TABLES = MetaData()
SETTINGS = Table(
    "journeyman_settings",
    TABLES,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
VERSIONS = Table(
    "journeyman_versions",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", String(12), nullable=False),
    Column("parent", String(12)),
    Column("created", String(32), nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("state", String(8), nullable=False),
    Column("added", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("promoted", String(32)),
    Column("replaces", String(12)),
    Column("said", Text, nullable=False),
    UniqueConstraint("model", "version"),
)
SERVING = Table(
    "journeyman_serving",
    TABLES,
    Column("model", Text, primary_key=True),
    Column("version", String(12), nullable=False),
)
DECISIONS = Table(
    "journeyman_decisions",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("line", Text, nullable=False),
)
REMOVALS = Table(
    "journeyman_removals",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", String(12), nullable=False),
    Column("created", String(32), nullable=False),
    Column("salted", String(64), nullable=False, index=True),
    Column("what", String(80), nullable=False),
)
_FIELDS = ("parent", "created", "accepted", "state", "added", "removed", "promoted", "replaces")


class Records:
    """The records of one `model` in the database of a URL.

    Everything but `transaction` is called within one. Raises ResourceError where the database
    refuses, ModelError for one of a newer Journeyman.
    """

    def __init__(self, url: str | URL, model: str, remedy: str) -> None:
        self.model, self._remedy, self.place = model, remedy, "the URL of the store"
        self._connection: Connection | None = None
        with self._refusals():
            self.place = shown(url)
            self._engine = _engine(address(url), self.place)
            with self.transaction(reading=True) as connection:
                made = inspect(connection).has_table(SETTINGS.name)
            with self.transaction(reading=made):
                self._prepare()

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[Connection]:
        """Everything within happens or nothing does; inner ones join.

        One process at a time, unless it is `reading`: then it sees what was last committed.
        """
        if self._connection is not None:
            if not reading and self._connection.get_execution_options().get(READING):
                raise RuntimeError("a transaction that only reads cannot come to write")
            yield self._connection
            return
        with self._refusals(), self._engine.connect() as connection:
            connection.execution_options(**{READING: reading})
            connection.begin()
            if self._engine.dialect.name == "postgresql" and not reading:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            self._connection = connection
            try:
                yield connection
                connection.commit()
            finally:
                self._connection = None

    def all(self) -> list[Version]:
        """Every version, the newest first."""
        newest = VERSIONS.c.number.desc()
        query = select(VERSIONS).where(VERSIONS.c.model == self.model).order_by(newest)
        current = self.current()
        return [_version(row, current) for row in self._open.execute(query).mappings()]

    def find(self, version: str) -> Version | None:
        """The record of a version, if there is one."""
        query = select(VERSIONS).where(*self._named(version))
        row = self._open.execute(query).mappings().first()
        return None if row is None else _version(row, self.current())

    def put(self, version: Version) -> None:
        """Write the record of a version, in place of one that is there."""
        values = {name: getattr(version, name) for name in _FIELDS}
        values["said"] = json.dumps(version.update.to_json(), sort_keys=True)
        if self.find(version.version) is None:
            named = {"model": self.model, "version": version.version}
            self._open.execute(insert(VERSIONS).values(**named, **values))
        else:
            self._open.execute(update(VERSIONS).where(*self._named(version.version)).values(values))

    def current(self) -> str | None:
        """The version that serves, as far as the records know."""
        query = select(SERVING.c.version).where(SERVING.c.model == self.model)
        found: str | None = self._open.execute(query).scalar()
        return found

    def serve(self, version: str) -> None:
        """Note that a version serves from now on."""
        self._open.execute(delete(SERVING).where(SERVING.c.model == self.model))
        self._open.execute(insert(SERVING).values(model=self.model, version=version))
        promoted = update(VERSIONS).where(*self._named(version)).values(promoted=now())
        self._open.execute(promoted)

    def adopt_children(self, old: str, new: str, fewer: int) -> None:
        """Make the children of `old` those of `new`, which has `fewer` rows than it."""
        theirs = (VERSIONS.c.model == self.model, VERSIONS.c.parent == old)
        values = {"parent": new, "removed": VERSIONS.c.removed - fewer}
        self._open.execute(update(VERSIONS).where(*theirs).values(values))

    def lines(self) -> list[str]:
        """What was decided, as lines of JSON in their order."""
        query = select(DECISIONS.c.line).where(DECISIONS.c.model == self.model)
        return list(self._open.execute(query.order_by(DECISIONS.c.number)).scalars())

    def tell(self, lines: Iterable[str]) -> None:
        """Add lines to what was decided."""
        for line in lines:
            self._open.execute(insert(DECISIONS).values(model=self.model, line=line))

    def remove(self, version: str, ids: Iterable[str], what: str) -> None:
        """Note that rows are not in `version` any more, by their salted ids alone."""
        named, salt = {"model": self.model, "version": version, "created": now()}, self._salt()
        kind = what if what == "row" else f"class {_salted(salt, what)}"
        for each in ids:
            values = {**named, "salted": _salted(salt, each), "what": kind}
            self._open.execute(insert(REMOVALS).values(values))

    def removals(self) -> Callable[[str], bool]:
        """Says of an id whether a row of it was ever removed."""
        query = select(REMOVALS.c.salted).where(REMOVALS.c.model == self.model)
        known, salt = frozenset(self._open.execute(query).scalars()), self._salt()
        return lambda row_id: _salted(salt, row_id) in known

    def _salt(self) -> bytes:
        query = select(SETTINGS.c.value).where(SETTINGS.c.name == "salt")
        return bytes.fromhex(self._open.execute(query).scalar_one())

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("records are read and written within a transaction")
        return self._connection

    def _named(self, version: str) -> tuple[Any, Any]:
        return VERSIONS.c.model == self.model, VERSIONS.c.version == version

    def _prepare(self) -> None:
        """Make the tables and the salt, once."""
        if not self._open.get_execution_options().get(READING):
            TABLES.create_all(self._open)
        query = select(SETTINGS.c.name, SETTINGS.c.value)
        said = {row.name: row.value for row in self._open.execute(query)}
        if not said:
            for name, value in (("schema", str(SCHEMA)), ("salt", secrets.token_hex(32))):
                self._open.execute(insert(SETTINGS).values(name=name, value=value))
        elif int(said["schema"]) > SCHEMA:
            raise ModelError(
                "The store was made by a newer version of Journeyman.",
                place=self.place,
                expected=f"schema {SCHEMA} or older",
                found=f"schema {said['schema']}",
                remedy="upgrade: pip install --upgrade journeyman",
            )

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise ResourceError(
                "The store of versions cannot be used.",
                place=self.place,
                expected="an SQLite or PostgreSQL database that this user may write to",
                found=(str(cause).splitlines() or [type(cause).__name__])[0][:200],
                remedy=self._remedy,
            ) from error


def _salted(salt: bytes, said: str) -> str:
    """HMAC-SHA256 under the salt of the store: nobody without it can look an id up."""
    return hmac.new(salt, said.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def _version(row: Any, current: str | None) -> Version:
    said = Update.from_json(json.loads(row["said"]))
    known = Version(row["version"], None, row["created"], said, current=row["version"] == current)
    return replace(known, **{name: row[name] for name in _FIELDS})


def _engine(place: str, told: str) -> Engine:
    """Connections of their own for each transaction, which starts by asking for the lock.

    SQLite overwrites what is deleted, and keeps no reader waiting before a transaction ends.
    """
    if place.startswith("postgresql"):
        try:
            return create_engine(place, poolclass=NullPool)
        except ModuleNotFoundError as error:
            library = error.name or "pg8000"
            raise MissingExtraError(library, "store", "A store kept in PostgreSQL") from error
    if not place.startswith("sqlite:"):
        raise ResourceError(
            "The store of versions is no database that Journeyman knows.",
            place=told,
            expected="postgresql://USER@HOST/DATABASE or sqlite:///FILE",
            found=place.partition(":")[0],
            remedy="give the URL of such a database",
        )
    engine = create_engine(place, poolclass=NullPool, connect_args={"timeout": WAIT})

    @event.listens_for(engine, "connect")
    def opened(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA cache_spill=OFF")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        reading = connection.get_execution_options().get(READING)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
