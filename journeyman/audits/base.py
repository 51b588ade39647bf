"""The contract of a label audit: what an auditor is given of the rows, and what it says of each.

A flag is a suspicion for a person to judge, not a verdict: of the labels that such methods flag in
well-known data sets, people found about half to be wrong (Northcutt, Athalye and Mueller 2021,
"Pervasive label errors in test sets"). Shapes: N rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from journeyman.audits.options import AuditOptions
from journeyman.backbones.base import Backbone
from journeyman.errors import JourneymanError
from journeyman.progress import QUIET, Reporter
from journeyman.registry import Registry
from journeyman.section import Figure
from journeyman.tasks.base import Schema, Task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.types import TargetKind

LABEL, DUPLICATE, OUTLIER, AMBIGUOUS = "label", "duplicate", "outlier", "ambiguous"
"""Kinds of trouble that any auditor may find: the label is likely wrong; a row that reads nearly
the same has another; the row is far from all others; two labels are about equally likely."""
SIDES = "given", "likely"
"""What a part says of itself: as it was given, and as it likely is."""
DIGITS = 4
"""Decimal places of scores and similarities in what is written."""


@dataclass(frozen=True)
class Subject:
    """The N rows whose labels are audited, prepared and encoded, and what they are read by.

    `examples` has an id of each. `splits` [N] says which split each is of, `places` [N] the file
    it stands in and the row there. The schema knows the targets of all N rows.
    """

    task: Task
    backbone: Backbone
    schema: Schema
    examples: Examples
    splits: Sequence[str]
    places: Sequence[tuple[str, int]]
    cache: FeatureCache
    seed: int = 0
    reporter: Reporter = QUIET

    def __len__(self) -> int:
        return len(self.examples)

    def text(self, at: int) -> str:
        """What the row at a position reads: its text or texts, or the path of its picture."""
        said = self.examples.texts[at]
        return "\n".join(said) if isinstance(said, tuple) else str(said)

    def audited(self, at: int, **said: Any) -> AuditedRow:
        """What is said of the row at a position, with where it stands and what it reads."""
        file, row = self.places[at]
        return AuditedRow(
            id=self.examples.ids[at],
            split=self.splits[at],
            file=file,
            row=row,
            text=self.text(at),
            **said,
        )


@dataclass(frozen=True)
class Neighbour:
    """A row that is near another: its label as given, and the cosine of their features."""

    id: str
    given: Any
    text: str
    similarity: float

    def to_json(self) -> dict[str, Any]:
        """The neighbour as one JSON object."""
        return {
            "id": self.id,
            "given": self.given,
            "text": self.text,
            "similarity": round(self.similarity, DIGITS),
        }


@dataclass(frozen=True)
class AuditedRow:
    """What an audit says of one row.

    `given` is the target as it was given and `likely` the one that held-out answers speak for, both
    as JSON. Rows are ranked by `score`, from 0 to 1, the most doubtful highest. `certainty` is the
    estimated probability that the label is wrong, None where the auditor cannot tell one.
    `reasons` are sentences for people, `troubles` the same as words for programs. `parts` has one
    JSON object for each thing within the row that is doubted: a label, a span, a box.
    """

    id: str
    given: Any
    likely: Any
    suspect: bool
    score: float
    reasons: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    certainty: float | None = None
    split: str = ""
    file: str = ""
    row: int = 0
    text: str = ""
    neighbours: tuple[Neighbour, ...] = ()
    parts: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The row as one line of audit.jsonl."""
        told = {
            "id": self.id,
            "given": self.given,
            "likely": self.likely,
            "suspect": self.suspect,
            "score": round(self.score, DIGITS),
            "reasons": list(self.reasons),
            "troubles": list(self.troubles),
            "certainty": None if self.certainty is None else round(self.certainty, DIGITS),
            "split": self.split,
            "file": self.file,
            "row": self.row,
            "text": self.text,
            "neighbours": [each.to_json() for each in self.neighbours],
        }
        return told | ({"parts": list(self.parts)} if self.parts else {})


@dataclass(frozen=True)
class Pair:
    """How many suspect labels are `given` where `likely` is meant."""

    given: str
    likely: str
    rows: int


@dataclass(frozen=True)
class Audit:
    """What an audit found: every row in the order it was given.

    `noise` is the estimated share of wrong labels, None where it is not estimated. `pairs` are
    the labels that are mixed up, the commonest first. `prose` and `figures` are what the
    auditor has to say besides.
    """

    kind: TargetKind
    rows: tuple[AuditedRow, ...]
    noise: float | None = None
    pairs: tuple[Pair, ...] = ()
    prose: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = field(default=())

    @classmethod
    def of_parts(
        cls, kind: TargetKind, rows: tuple[AuditedRow, ...], noun: str, nothing: str
    ) -> Audit:
        """Of rows that are doubted in parts: `noun` is what a part is called, and `nothing` stands
        in place of a label where a part is on one side alone."""
        parts = [part for row in rows for part in row.parts]
        sides = (
            tuple(nothing if part[side] is None else str(part[side]["label"]) for side in SIDES)
            for part in parts
        )
        pairs = Counter((own, likely) for own, likely in sides if own != likely)
        ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
        kinds = Counter(part["kind"] for part in parts)
        return cls(
            kind,
            rows,
            pairs=tuple(Pair(*pair, count) for pair, count in ordered),
            figures=tuple(
                Figure(name=f"suspect {noun}: {name}", value=count) for name, count in kinds.items()
            ),
        )

    @property
    def suspects(self) -> list[AuditedRow]:
        """The suspect rows, the most doubtful first."""
        return sorted((row for row in self.rows if row.suspect), key=lambda row: -row.score)

    def troubled(self, trouble: str) -> list[AuditedRow]:
        """The rows with this kind of trouble, the most doubtful first."""
        return sorted(
            (row for row in self.rows if trouble in row.troubles), key=lambda row: -row.score
        )


class Auditor(ABC):
    """Finds labels that are likely wrong, of some kinds of target."""

    name: ClassVar[str]
    kinds: ClassVar[tuple[TargetKind, ...]]

    def __init__(self, options: AuditOptions) -> None:
        self.options = options

    @abstractmethod
    def audit(self, subject: Subject) -> Audit:
        """One `AuditedRow` for each row of the subject, in its order.

        Each row is judged by what has not learned from its target. Raises JourneymanError where
        there are too few rows to tell anything.
        """


AUDITORS: Registry[type[Auditor]] = Registry("auditor", "journeyman.audits.auditors")


def auditor_of(kind: TargetKind, options: AuditOptions) -> Auditor:
    """The auditor of a kind of target; a JourneymanError where there is none."""
    for name in AUDITORS:
        if kind in AUDITORS[name].kinds:
            return AUDITORS[name](options)
    able = sorted({each for name in AUDITORS for each in AUDITORS[name].kinds})
    raise JourneymanError(
        "Targets of this kind cannot be audited.",
        place="the task",
        expected=f"targets of one of the kinds {', '.join(able)}",
        found=kind,
        remedy="name another task or column of labels",
    )
