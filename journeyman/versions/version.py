"""A version of a model as its store knows it: what it came from, what it did, whether it stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from journeyman.continual.update import Retention, Update

State = Literal["kept", "pruned", "purged", "missing"]
GONE: Mapping[str, str] = {
    "pruned": "its files were pruned",
    "purged": "it held rows that were removed, and is purged",
    "missing": "its files are missing from the store",
}
"""Why a version cannot serve, by its state."""


@dataclass(frozen=True)
class Version:
    """One version: the `update` that led to it, and what became of it since.

    `added` and `removed` count rows against `parent`, whichever that is now. `promoted` is when it
    came to serve last, None if it never did; `replaces` is the version it was rebuilt from.
    Times are UTC, in ISO 8601.
    """

    version: str
    parent: str | None
    created: str
    update: Update
    accepted: bool = True
    state: State = "kept"
    added: int = 0
    removed: int = 0
    promoted: str | None = None
    replaces: str | None = None
    current: bool = False

    @classmethod
    def of(cls, update: Update, **more: Any) -> Version:
        """What an update made, as of now."""
        said: dict[str, Any] = {
            "parent": update.parent,
            "created": now(),
            "accepted": update.accepted,
            "added": update.added,
            "removed": update.removed,
        }
        return cls(update.version, update=update, **{**said, **more})

    @property
    def kind(self) -> str:
        """How it came about: made, learn or unlearn."""
        return self.update.kind

    @property
    def stands(self) -> bool:
        """Whether its files are there."""
        return self.state == "kept"

    @property
    def rows(self) -> tuple[int, int]:
        """How many rows were added and removed against the parent, neither below 0."""
        return balanced(self.added, self.removed)

    @property
    def worst(self) -> Retention | None:
        """The slice of the exam that lost most, or gained least; None where none is known."""
        known = [each for each in self.update.retention if each.before is not None]
        return min(known, key=lambda each: each.after - (each.before or 0.0), default=None)

    def forgotten(self) -> Version:
        """What may be known of it once its files are purged: nothing of its rows but how many."""
        bare = replace(self.update, reasons=(), retention=(), data="", seconds={})
        return replace(self, update=bare, state="purged", current=False)

    def to_json(self) -> dict[str, Any]:
        """The line that `journeyman history --json` prints."""
        worst = self.worst
        return {
            "version": self.version,
            "when": self.created,
            "what": self.kind,
            "parent": self.parent,
            "accepted": self.accepted,
            "reasons": list(self.update.reasons),
            "rows": dict(zip(("added", "removed"), self.rows, strict=True)),
            "state": self.state,
            "promoted": self.promoted,
            "current": self.current,
            "worst": None if worst is None else worst.to_json(),
            "retention": [each.to_json() for each in self.update.retention],
        }


@dataclass(frozen=True)
class Difference:
    """What lies between two versions `a` and `b`.

    `added` and `removed` count the rows on the way from a to b, None where they have no ancestor
    in common. `retention` has a line a slice and metric, with its value in each; `settings` the
    values of model.json that differ, by their names; `files` a path that differs, its bytes in
    each. `settings` and `files` are None where the files of one of them are gone.
    """

    a: str
    b: str
    added: int | None
    removed: int | None
    retention: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, list[Any]] | None = None
    files: list[dict[str, Any]] | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that `journeyman diff --json` prints."""
        return {
            "a": self.a,
            "b": self.b,
            "rows": {"added": self.added, "removed": self.removed},
            "retention": self.retention,
            "settings": self.settings,
            "files": self.files,
        }


def balanced(added: int, removed: int) -> tuple[int, int]:
    """The same change of rows, with what is below 0 on the other side."""
    return max(added, 0) + max(-removed, 0), max(removed, 0) + max(-added, 0)


def time_of(seconds: float) -> str:
    """A time of the machine's clock, UTC, to the microsecond."""
    said = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
    return said.replace("+00:00", "Z")


def now() -> str:
    """The time as it is."""
    return time_of(time.time())


def decision(what: str, version: Version, *reasons: str) -> dict[str, Any]:
    """A line of decisions.jsonl: what was decided on a version, and why."""
    return {
        "when": now(),
        "what": what,
        "version": version.version,
        "parent": version.parent,
        "reasons": list(reasons),
    }
