"""One label a row: held-out answers on frozen layers, and the likely true label behind each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from journeyman.audits.base import (
    AMBIGUOUS,
    AUDITORS,
    LABEL,
    Audit,
    AuditedRow,
    Auditor,
    Pair,
    Subject,
)
from journeyman.audits.held import FEWEST, answers, rows_of
from journeyman.audits.nearness import Near, near_rows
from journeyman.errors import DataError
from journeyman.evaluation.calibration import fit_temperature, probabilities
from journeyman.evaluation.label_doubts import LabelDoubts, classes_of
from journeyman.evaluation.true_labels import TrueLabels
from journeyman.training.frozen_rows import FrozenRows
from journeyman.types import TargetKind

AGAIN = 1
"""Times that answers are learned again."""
SHARE = 0.5
"""Of the penalty, what is left when answers are learned again: labels then have less noise."""
EVEN = 0.6
"""The chance of the second label beside that of the first from which a row is ambiguous ..."""
HELD = 0.25
"""... where the first has this chance at least; below, the model does not know the row at all."""


@AUDITORS.register("classes")
class Classes(Auditor):
    """The posterior of the true label (`evaluation/true_labels.py`), from out-of-fold answers of
    kernel ridge regression."""

    name = "classes"
    kinds: ClassVar[tuple[TargetKind, ...]] = ("label",)

    def audit(self, subject: Subject) -> Audit:
        """Each row's label against answers that have not learned the row."""
        _require_labels(subject)
        frozen = rows_of(subject)
        subject.reporter.say("  doubting labels")
        given = classes_of(frozen.targets)
        found = judged(frozen, given, self.options.folds, subject.seed)
        told = [subject.schema.labels[at] for at in given]
        near = near_rows(frozen.layers, subject, told, self.options.neighbours)
        rows = tuple(self._rows(subject, found, near))
        return Audit("label", rows, found.true.noise, pairs_of(rows))

    def _rows(self, subject: Subject, found: Suspicion, near: Near) -> Iterable[AuditedRow]:
        """What is said of each row."""
        labels, true = subject.schema.labels, found.true
        judged = np.bincount(true.given, minlength=len(labels))[true.given] >= FEWEST
        for at, given in enumerate(true.given.tolist()):
            score = float(found.score[at]) if judged[at] else 0.0
            suspect = score >= self.options.threshold
            likely = int(found.likely[at]) if suspect else given
            said: list[tuple[str, str]] = []
            if not judged[at]:
                said.append(("", f"fewer than {FEWEST} rows have this label: too few to judge by"))
            if suspect:
                chances = true.chances[at, likely], true.chances[at, given]
                named = (
                    f"{labels[likely]} ({chances[0]:.2f})",
                    f"{labels[given]} ({chances[1]:.2f})",
                )
                said.append((LABEL, f"held-out answers speak for {named[0]}, not {named[1]}"))
            elif judged[at] and (pair := _even(true.chances[at])):
                both = " and ".join(labels[one] for one in pair)
                said.append((AMBIGUOUS, f"{both} are about equally likely"))
            said += near.told(at)
            yield subject.audited(
                at,
                given=labels[given],
                likely=labels[likely],
                suspect=suspect,
                score=score,
                reasons=tuple(reason for _, reason in said),
                troubles=tuple(trouble for trouble, _ in said if trouble),
                certainty=float(true.wrong[at]) if judged[at] else None,
                neighbours=near.neighbours(at) if said else (),
            )


@dataclass(frozen=True)
class Suspicion:
    """How doubtful each label is, from 0 to 1 (`score` [N]), and the class that is `likely` [N].

    The probability that the label is wrong. Where people disagree row by row, that takes wrong
    labels for unsure answers: confident learning then estimates more wrong labels by far, and each
    that it doubts is as doubtful as the chance of all other classes, if that is more.
    """

    true: TrueLabels
    score: NDArray[np.float64]
    likely: NDArray[np.intp]

    @classmethod
    def of(cls, true: TrueLabels, answered: NDArray[np.float64]) -> Suspicion:
        """From what is held of the true labels, and probabilities [N, C] by held-out answers that
        trusted all labels alike."""
        doubts = LabelDoubts.of(answered, true.given)
        heeded = doubts.suspect & doubts.sees_more(true.noise)
        other = np.where(heeded, 1.0 - doubts.confidence, 0.0)
        likely = np.where(other > true.wrong, doubts.likely, true.others)
        return cls(true, np.maximum(true.wrong, other), likely)


def judged(frozen: FrozenRows, given: NDArray[np.intp], folds: int, seed: int) -> Suspicion:
    """What is held of the label of each row.

    Answers are learned again, each row by the probability that its label is right, from which the
    labels of every row are judged anew: where many labels of a class are wrong in one way, the
    first answers repeat the mistake.
    """
    outputs = answers(frozen, folds, seed)
    found = TrueLabels.of(outputs, given)
    for _ in range(AGAIN):
        right = 1.0 - found.wrong
        found = TrueLabels.of(answers(frozen, folds, seed, right, SHARE), given)
    return Suspicion.of(found, probabilities(outputs, fit_temperature(outputs, given)))


def pairs_of(rows: Iterable[AuditedRow]) -> tuple[Pair, ...]:
    """The labels that are mixed up, the commonest first."""
    counts = Counter((row.given, row.likely) for row in rows if row.suspect)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Pair(given, likely, count) for (given, likely), count in ordered)


def _even(chances: NDArray[np.float64]) -> tuple[int, int] | None:
    """The two likeliest classes where they are about equally likely."""
    second, first = np.argsort(chances, kind="stable")[-2:].tolist()
    even = chances[first] >= HELD and chances[second] >= EVEN * chances[first]
    return (first, second) if even else None


def _require_labels(subject: Subject) -> None:
    if len(subject.schema.labels) >= 2:
        return
    file = subject.places[0][0]
    raise DataError(
        "Every row has the same label, so nothing can be told from anything else.",
        place=file,
        expected="two labels or more",
        found=", ".join(map(repr, subject.schema.labels)),
        remedy="name the column of labels: --label COLUMN, or data.label in a recipe",
    )
