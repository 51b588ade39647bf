"""What an update of a model was: its parent, its rows, and what it did to what the model knew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["made", "learn", "unlearn"]


@dataclass(frozen=True)
class Retention:
    """A metric of one slice of the exam, before an update and after it.

    `low` and `high` bound the change, after less before, at level 0.95: a paired bootstrap over
    the slice's `n` exam rows. `before` is None of what the model could not have known.
    """

    slice: str
    metric: str
    before: float | None
    after: float
    low: float | None
    high: float | None
    n: int

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Retention:
        """Read what `to_json` wrote."""
        return cls(**saved)


@dataclass(frozen=True)
class Update:
    """One update: the `version` it led to, from which `parent`, and what the gate said.

    `added`, `replaced`, `removed` and `quarantined` count rows: those that were replaced were known
    before, and learned anew in place of what they were. `exact` is whether the model is as if it
    had been given just these rows from the start, its features and choices aside. `data` is a
    SHA-256 over what was learned, and empty where rows were removed: nothing of them is kept.
    `seconds` are by part: of the frozen pass, the solving, the exam.
    """

    kind: Kind
    model: str
    version: str
    parent: str | None
    accepted: bool
    reasons: tuple[str, ...] = ()
    added: int = 0
    replaced: int = 0
    removed: int = 0
    quarantined: int = 0
    retention: Sequence[Retention] = ()
    exact: bool = True
    data: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def learned(self) -> int:
        """How many rows were learned, whether they were known before or not."""
        return self.added + self.replaced

    def to_json(self) -> dict[str, Any]:
        """What `learn` and `unlearn` print and the store keeps; clock times aside."""
        return {
            "kind": self.kind,
            "model": self.model,
            "version": self.version,
            "parent": self.parent,
            "accepted": self.accepted,
            "reasons": list(self.reasons),
            "rows": {
                "added": self.added,
                "replaced": self.replaced,
                "removed": self.removed,
                "quarantined": self.quarantined,
            },
            "retention": [each.to_json() for each in self.retention],
            "exact": self.exact,
            "data": self.data,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Update:
        """Read what `to_json` wrote."""
        rows = saved["rows"]
        return cls(
            kind=saved["kind"],
            model=saved["model"],
            version=saved["version"],
            parent=saved["parent"],
            accepted=saved["accepted"],
            reasons=tuple(saved["reasons"]),
            added=rows["added"],
            replaced=rows.get("replaced", 0),
            removed=rows["removed"],
            quarantined=rows["quarantined"],
            retention=tuple(map(Retention.from_json, saved["retention"])),
            exact=saved["exact"],
            data=saved["data"],
        )
