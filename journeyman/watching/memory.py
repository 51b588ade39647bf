"""What a watch remembers between rows, and from one run to the next; it does not grow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from math import comb
from typing import Any, Literal

RECENT = 2_000
"""Rows of late that are held: an alarm shows some and asks about them, and labels may come late."""
BY_CHANCE = 0.01
"""How likely a new version's losses may be by chance, that it is rolled back."""
POOLED = 2_000
"""Rows since an alarm that are held to choose from, whatever is asked."""


@dataclass
class Probation:
    """A version that serves since a short while, beside its `parent`: on how many labelled rows
    each was right alone, of all that were compared."""

    parent: str
    better: int = 0
    worse: int = 0
    rows: int = 0

    def take(self, *, right: bool, was: bool) -> None:
        """Count a row that the new version answered right or not, and the one before too."""
        self.better += right and not was
        self.worse += was and not right
        self.rows += 1

    def lost(self) -> bool:
        """Whether the new version does worse, by more than chance would have it (sign test)."""
        apart = self.better + self.worse
        as_bad = sum(comb(apart, worse) for worse in range(self.worse, apart + 1))
        return as_bad < BY_CHANCE * (1 << apart)


@dataclass
class Recent:
    """A row of late: its columns, the answer's label where it has one, how unlike usual rows it is
    (1: as they are), and whether it came with what is to be learned of it."""

    id: str
    row: dict[str, Any]
    answer: str | None = None
    unlike: float | None = None
    labelled: bool = False

    def to_json(self) -> dict[str, Any]:
        """The row's columns with its id, and the rest under names that no column has."""
        rest = {name: getattr(self, name) for name in _RESTS}
        return {**self.row, "id": self.id, **{f"__{name}": rest[name] for name in rest}}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Recent:
        """Read what `to_json` wrote."""
        row = {name: value for name, value in saved.items() if not name.startswith("__")}
        rest: Any = {name: saved.get(f"__{name}") for name in _RESTS}
        return cls(str(saved["id"]), row, **rest)


_RESTS = ("answer", "unlike", "labelled")


@dataclass
class Memory:
    """Everything that goes on: JSON values alone.

    `phase` is `asking` from an alarm until labels were learned. `pool` are the rows since then,
    `wanted` the ids that labels are asked for, `labelled` the rows that came with theirs.
    """

    turn: int = 0
    """How many times it was kept: detectors kept at another are not of it."""
    rows: int = 0
    failed: int = 0
    alarms: int = 0
    episode: int = 0
    phase: Literal["calm", "asking"] = "calm"
    recent: list[Recent] = field(default_factory=list)
    pool: dict[str, dict[str, Any]] = field(default_factory=dict)
    wanted: list[str] = field(default_factory=list)
    labelled: dict[str, dict[str, Any]] = field(default_factory=dict)
    shares: dict[str, dict[str, int]] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    below: list[bool] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    probation: Probation | None = None
    position: dict[str, Any] = field(default_factory=dict)
    """Where in the stream it is, as its source tells it."""
    untold: list[dict[str, Any]] = field(default_factory=list)
    """Events that were decided and may not have been told yet."""

    @property
    def gathers(self) -> bool:
        """Whether rows are gathered that labels will be asked for."""
        return self.phase == "asking" and not self.wanted and len(self.pool) < POOLED

    def remember(self, recent: Recent) -> None:
        """Hold a row of late, and one of the pool while labels are asked for."""
        self.recent.append(recent)
        del self.recent[:-RECENT]
        if self.phase == "asking" and len(self.pool) < POOLED:
            self.pool[recent.id] = recent.row

    def forget(self, removed: Callable[[str, Mapping[str, Any]], bool]) -> None:
        """Drop the rows, by id and columns, that were removed from the model on request."""
        self.recent = [one for one in self.recent if not removed(one.id, one.row)]
        for name in _ROWS:
            held = getattr(self, name)
            setattr(self, name, {i: row for i, row in held.items() if not removed(i, row)})
        self.wanted = [row_id for row_id in self.wanted if row_id in self.pool]

    def calm(self) -> None:
        """No labels are asked for any more."""
        self.phase = "calm"
        self.pool, self.wanted, self.labelled = {}, [], {}

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; rows as records of a list, each with its `id`."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        lists = {name: [{**row, "id": i} for i, row in plain[name].items()] for name in _ROWS}
        recent = [one.to_json() for one in self.recent]
        probation = None if self.probation is None else asdict(self.probation)
        return {**plain, **lists, "recent": recent, "probation": probation}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Memory:
        """Read what `to_json` wrote; fields of another version are passed over."""
        known = {each.name for each in fields(cls)}
        said = {name: value for name, value in saved.items() if name in known}
        said["recent"] = [Recent.from_json(each) for each in saved.get("recent", ())]
        for name in _ROWS:
            said[name] = {str(row["id"]): row for row in saved.get(name, ())}
        probation = saved.get("probation")
        said["probation"] = None if probation is None else Probation(**probation)
        return cls(**said)


_ROWS = ("pool", "labelled")
