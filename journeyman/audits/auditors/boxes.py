"""Boxes in pictures: those given against those found by a detector that has not learned them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from journeyman.audits.base import (
    AUDITORS,
    DIGITS,
    DUPLICATE,
    LABEL,
    Audit,
    AuditedRow,
    Auditor,
    Subject,
)
from journeyman.audits.held_boxes import held_boxes
from journeyman.errors import DataError
from journeyman.evaluation.box_doubts import (
    BoxDoubt,
    Chances,
    box_doubts,
    drawn_twice,
    reach_of,
)
from journeyman.tasks.base import Array, Outputs
from journeyman.types import LabelledBox, ScoredBox, TargetKind

NOTHING = "no object"
"""In place of a label where there is no box."""
FEWEST = 5
"""Boxes of a label from which it can be judged."""


@AUDITORS.register("boxes")
class Boxes(Auditor):
    """Doubts of each box (`evaluation/box_doubts.py`); a picture is as doubtful as the most
    doubtful of them."""

    name = "boxes"
    kinds: ClassVar[tuple[TargetKind, ...]] = ("boxes",)

    def audit(self, subject: Subject) -> Audit:
        """Each picture's boxes against what was found by what has not learned the picture."""
        _require_boxes(subject)
        return self.judge(subject, held_boxes(subject))

    def judge(self, subject: Subject, outputs: Outputs) -> Audit:
        """Each picture's boxes against what was found there, as the task gives it out."""
        labels = subject.schema.labels
        found = [_scored(row, labels) for row in outputs]
        subject.reporter.say("  doubting boxes")
        given: list[tuple[LabelledBox, ...]] = list(subject.examples.targets)
        chances = Chances.of(found, given)
        likely = [_by_chance(row, chances) for row in found]
        judged = {name for name, count in zip(labels, subject.schema.counts, strict=True)
                  if count >= FEWEST}  # fmt: skip
        rows = _Rows(
            subject, given, likely, reach_of(likely, given), judged, self.options.threshold
        )
        told = tuple(rows.told())
        return Audit.of_parts("boxes", told, "boxes", NOTHING)


@dataclass(frozen=True)
class _Rows:
    """What is said of each picture."""

    subject: Subject
    given: Sequence[tuple[LabelledBox, ...]]
    found: Sequence[list[ScoredBox]]
    reach: float
    judged: set[str]
    threshold: float

    def told(self) -> Iterator[AuditedRow]:
        """Picture after picture."""
        for at, (own, found) in enumerate(zip(self.given, self.found, strict=True)):
            every = [d for d in box_doubts(own, found, self.reach) if self._counts(d)]
            yield self._row(at, own, every)

    def _counts(self, doubt: BoxDoubt) -> bool:
        """Whether enough boxes have the labels in question."""
        sides = (doubt.given, doubt.likely)
        return all(box.label in self.judged for box in sides if box is not None)

    def _row(self, at: int, own: Sequence[LabelledBox], every: Sequence[BoxDoubt]) -> AuditedRow:
        doubts = [doubt for doubt in every if doubt.score >= self.threshold]
        score = max((doubt.score for doubt in every), default=0.0)
        said = [(LABEL, _reason(doubt)) for doubt in doubts]
        for one, two in drawn_twice(own):
            names = " and ".join(dict.fromkeys((own[one].label, own[two].label)))
            said.append(
                (DUPLICATE, f"two boxes lie on each other ({names}) at {_pixels(own[one])}")
            )
        return self.subject.audited(
            at,
            given=[_told(box) for box in own],
            likely=[_told(box) for box in _corrected(own, doubts)],
            suspect=bool(doubts),
            score=score,
            reasons=tuple(reason for _, reason in said),
            troubles=tuple(dict.fromkeys(trouble for trouble, _ in said)),
            parts=tuple(_part(doubt) for doubt in doubts),
        )


def _corrected(
    own: Sequence[LabelledBox], doubts: Sequence[BoxDoubt]
) -> list[LabelledBox | ScoredBox]:
    """The boxes as given, but for those in doubt."""
    gone = [doubt.given for doubt in doubts if doubt.given is not None]
    kept: list[LabelledBox | ScoredBox] = [box for box in own if box not in gone]
    return kept + [doubt.likely for doubt in doubts if doubt.likely is not None]


def _scored(row: Array, labels: Sequence[str]) -> list[ScoredBox]:
    return [
        ScoredBox((x, y, width, height), labels[int(label)], score)
        for x, y, width, height, label, score in row.tolist()
    ]


def _by_chance(row: Sequence[ScoredBox], chances: Chances) -> list[ScoredBox]:
    """The boxes with their chances to be right in place of scores."""
    values = chances(np.array([box.score for box in row], dtype=np.float64)).tolist()
    return [replace(box, score=value) for box, value in zip(row, values, strict=True)]


def _told(box: LabelledBox | ScoredBox | None) -> Any:
    """A box as it is written: pixels of the picture; None of none."""
    if box is None:
        return None
    return {"box": [round(side, 1) for side in box.box], "label": box.label}


def _part(doubt: BoxDoubt) -> dict[str, Any]:
    return {
        "kind": doubt.kind,
        "given": _told(doubt.given),
        "likely": _told(doubt.likely),
        "score": round(doubt.score, DIGITS),
        "overlap": round(doubt.overlap, DIGITS),
    }


def _reason(doubt: BoxDoubt) -> str:
    """What is doubted of a box, in words."""
    own, likely = doubt.given, doubt.likely
    if own is None and likely is not None:
        return f"{doubt.kind}: likely {likely.label} at {_pixels(likely)}, where there is no box"
    if own is not None and likely is None:
        return f"{doubt.kind}: nothing was found of {own.label} at {_pixels(own)}"
    if own is None or likely is None:
        raise ValueError("a doubt is of a box")
    if doubt.kind == "wrongly named":
        return f"{doubt.kind}: likely {likely.label}, not {own.label}, at {_pixels(own)}"
    where = f"{_pixels(likely)}, not {_pixels(own)}"
    return f"{doubt.kind}: {own.label} likely at {where} (overlap {doubt.overlap:.2f})"


def _pixels(box: LabelledBox | ScoredBox) -> str:
    """Left, top, width and height."""
    return "[" + ", ".join(f"{side:.0f}" for side in box.box) + "]"


def _require_boxes(subject: Subject) -> None:
    if subject.schema.labels:
        return
    raise DataError(
        "No picture has a box, so there is nothing to audit.",
        place=subject.places[0][0],
        expected="pictures with boxes and their labels",
        found="none",
        remedy="check where the file of boxes names its pictures, or data.boxes in a recipe",
    )
