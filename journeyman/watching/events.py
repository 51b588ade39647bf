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
    decision: bool = False
    """Whether it is to be noted among the decisions of the model."""

    @property
    def reasons(self) -> list[str]:
        """What is noted of a decision."""
        return [f"row {self.row}", *self.said]

    def to_json(self) -> dict[str, Any]:
        """The event as one JSON object."""
        return {"event": self.kind, "row": self.row, "version": self.version, **self.told}

    def kept(self) -> dict[str, Any]:
        """All of it as JSON values, until it was told."""
        return {"told": self.to_json(), "said": list(self.said), "decision": self.decision}

    @classmethod
    def from_kept(cls, saved: Mapping[str, Any]) -> Event:
        """Read what `kept` wrote."""
        told = dict(saved["told"])
        kind, row, version = told.pop("event"), told.pop("row"), told.pop("version")
        return cls(kind, row, version, told, tuple(saved["said"]), saved["decision"])
