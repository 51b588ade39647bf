"""What befell while a model was watched: one event a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "began", "status", "alarm", "returned", "asked", "learned", "refused", "confirmed",
    "rolled_back", "ended",
]  # fmt: skip
DECISIONS: tuple[Kind, ...] = ("alarm", "returned", "asked", "confirmed")
"""Events noted among the decisions of the model, where an alarm leads to anything; the store itself
notes what is learned, refused and rolled back."""


@dataclass(frozen=True)
class Event:
    """What happened after how many rows of the stream, to which version, with what is told of it
    (JSON values), and in `said` as sentences."""

    kind: Kind
    row: int
    version: str
    told: Mapping[str, Any] = field(default_factory=dict)
    said: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """The event as one JSON object."""
        return {"event": self.kind, "row": self.row, "version": self.version, **self.told}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Event:
        """Read what `to_json` wrote; sentences are not kept."""
        told = {name: saved[name] for name in saved if name not in ("event", "row", "version")}
        return cls(saved["event"], saved["row"], saved["version"], told)
