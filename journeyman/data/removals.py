"""Rows that were removed on request, kept as salted hashes: enough to know them, not to tell them.

Each is an HMAC-SHA-256 (RFC 2104) under a salt that the folder drew, of a row's id or of the hash
of its inputs. Who has the file and a guess at a row can ask whether it was removed; who has the
file alone learns nothing of what was.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from journeyman.data.identity import input_hash, row_id
from journeyman.data.options import DataOptions
from journeyman.data.record import Event, Record, Refused
from journeyman.errors import DataError
from journeyman.files import write_json

FILE = "removals.json"
NAME = "removed_on_request"
REASON = "The row was removed on request."


@dataclass(frozen=True)
class Removal:
    """One request: when it came, the salted rows, and whether every place has been gone through."""

    when: str
    ids: frozenset[str]
    inputs: frozenset[str]
    done: bool = False


@dataclass(frozen=True)
class Removals:
    """What was removed from one run; `digest` is empty where nothing was."""

    salt: str = ""
    requests: tuple[Removal, ...] = field(default=())

    @classmethod
    def read(cls, folder: Path) -> Removals:
        """Those of the run in `folder`. Raises DataError for a file that cannot be read: a row
        that was removed must not come back unseen."""
        path = folder / FILE
        if not path.exists():
            return cls()
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            requests = [
                Removal(r["when"], frozenset(r["ids"]), frozenset(r["inputs"]), bool(r["done"]))
                for r in content["removals"]
            ]
            return cls(str(content["salt"]), tuple(requests))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                "The record of removed rows cannot be read.",
                place=str(path),
                expected="a salt, and salted hashes of rows",
                found=f"{type(error).__name__}: {error}"[:200],
                remedy="restore the file from a copy; without it removed rows would come back",
            ) from error

    def write(self, folder: Path) -> None:
        """Keep them in the run's folder."""
        requests = [
            {**vars(r), "ids": sorted(r.ids), "inputs": sorted(r.inputs)} for r in self.requests
        ]
        write_json(folder / FILE, {"schema": 1, "salt": self.salt, "removals": requests})

    def including(self, ids: Iterable[str], inputs: Iterable[str]) -> Removals:
        """With one more request; the same ones where all of it is in them.

        `inputs` are hashes of what rows read, 16 hexadecimal digits each.
        """
        salted = replace(self, salt=self.salt or os.urandom(32).hex())
        new = frozenset(map(salted.mac, ids)), frozenset(map(salted.mac, inputs))
        if new[0] <= self.ids and new[1] <= self.inputs:
            return self
        when = datetime.now(UTC).isoformat(timespec="seconds")
        return replace(salted, requests=(*self.requests, Removal(when, *new)))

    def all_done(self) -> Removals:
        """With every request marked as gone through."""
        return replace(self, requests=tuple(replace(r, done=True) for r in self.requests))

    @property
    def unfinished(self) -> bool:
        """Whether a request was begun and not brought to its end."""
        return not all(request.done for request in self.requests)

    @cached_property
    def ids(self) -> frozenset[str]:
        """The salted ids of all requests."""
        return frozenset().union(*(request.ids for request in self.requests))

    @cached_property
    def inputs(self) -> frozenset[str]:
        """The salted hashes of inputs of all requests."""
        return frozenset().union(*(request.inputs for request in self.requests))

    @cached_property
    def begun_inputs(self) -> frozenset[str]:
        """The salted hashes of inputs of requests that were not brought to their end."""
        return frozenset().union(*(each.inputs for each in self.requests if not each.done))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all salted hashes; empty where there are none."""
        if not self.ids and not self.inputs:
            return ""
        said = "\n".join([*sorted(self.ids), "", *sorted(self.inputs)])
        return sha256(said.encode()).hexdigest()

    @property
    def suffix(self) -> str:
        """What names of tables that were read without these rows end in."""
        return f"-{self.digest[:12]}" if self.digest else ""

    def mac(self, said: str) -> str:
        """The salted hash of an id, or of the hash of inputs."""
        return hmac.digest(bytes.fromhex(self.salt), said.encode(), "sha256").hex()

    def has_id(self, said: Any) -> bool:
        """Whether the row of this id was removed."""
        return bool(self.ids) and said is not None and self.mac(str(said)) in self.ids

    def has_inputs(self, hashed: int) -> bool:
        """Whether a row that reads this (`input_hash`) was removed."""
        return bool(self.inputs) and self.mac(row_id(hashed)) in self.inputs

    def has_values(self, values: Any, data: DataOptions) -> bool:
        """Whether a row that could not be used is one that was removed: by its id, or by a text of
        its inputs, or any where it has no columns."""
        read = values
        if isinstance(values, Mapping):
            if self.has_id(values.get(data.id or "id")):
                return True
            read = [values.get(name) for name in data.texts] or values
        return any(self.has_inputs(input_hash((text,))) for text in texts_in(read))

    def left_out(self, events: Iterable[Event], data: DataOptions) -> Iterator[Event]:
        """Pass on what was read; removed rows become refused ones, of which nothing is kept."""
        if not self.digest:
            yield from events
            return
        for event in events:
            gone = isinstance(event, Record | Refused) and self._has(event, data)
            yield Refused(event.row, NAME, REASON) if gone else event

    def _has(self, event: Record | Refused, data: DataOptions) -> bool:
        if isinstance(event, Refused):
            return self.has_values(event.values, data)
        values = event.values
        if self.has_id(values.get(data.id or "id")):
            return True
        read = (event.picture.digest,) if event.picture else [values[name] for name in data.texts]
        return self.has_inputs(input_hash(read))


NOTHING_REMOVED = Removals()


def texts_in(value: Any) -> Iterator[str]:
    """Every text of a value of JSON, names of fields aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from texts_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part)
