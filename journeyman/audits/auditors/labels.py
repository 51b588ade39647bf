"""Any number of labels a row: of each label, whether it is wrongly given, or missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from journeyman.audits.base import (
    AUDITORS,
    DIGITS,
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
from journeyman.evaluation.intervals import Array
from journeyman.evaluation.true_labels import TrueLabels
from journeyman.types import TargetKind

Flags = NDArray[np.bool_]

NONE = "–"
"""In place of a label that is not there."""


@AUDITORS.register("labels")
class Labels(Auditor):
    """For each label the posterior of whether it holds (`evaluation/true_labels.py`); a row is as
    doubtful as the most doubtful of its labels."""

    name = "labels"
    kinds: ClassVar[tuple[TargetKind, ...]] = ("labels",)

    def audit(self, subject: Subject) -> Audit:
        """Each label of each row against answers that have not learned the row."""
        if not subject.schema.labels:
            raise _no_labels(subject)
        frozen = rows_of(subject)
        subject.reporter.say("  doubting labels")
        outputs = answers(frozen, self.options.folds, subject.seed)
        given = frozen.targets.numpy() > 0.5
        wrong = wrong_of_each(outputs, given)
        names = [_named(subject, row) for row in given]
        near = near_rows(frozen.layers, subject, names, self.options.neighbours)
        rows = tuple(self._rows(subject, given, wrong, near))
        return Audit("labels", rows, float(wrong.mean()), _pairs(rows))

    def _rows(
        self, subject: Subject, given: Flags, wrong: Array, near: Near
    ) -> Iterable[AuditedRow]:
        """What is said of each row."""
        labels, threshold = subject.schema.labels, self.options.threshold
        for at, (own, doubts) in enumerate(zip(given, wrong, strict=True)):
            doubted = np.flatnonzero(doubts >= threshold)
            said = [(LABEL, _reason(labels[one], bool(own[one]))) for one in doubted]
            said += near.told(at)
            parts = tuple(
                {
                    "label": labels[one],
                    "given": bool(own[one]),
                    "score": round(float(doubts[one]), DIGITS),
                }
                for one in doubted
            )
            score = float(doubts.max())
            yield subject.audited(
                at,
                given=_named(subject, own),
                likely=_named(subject, own ^ (doubts >= threshold)),
                suspect=bool(len(doubted)),
                score=score,
                reasons=tuple(reason for _, reason in said),
                troubles=tuple(dict.fromkeys(trouble for trouble, _ in said)),
                certainty=score,
                neighbours=near.neighbours(at) if said else (),
                parts=parts,
            )


def wrong_of_each(outputs: Array, given: Flags) -> Array:
    """[N, C] the probability that each label is wrongly given or wrongly missing, from held-out
    outputs [N, C] and whether it is given [N, C]; 0 of a label with too few rows to judge by."""
    wrong = np.zeros(outputs.shape)
    for label in range(outputs.shape[1]):
        own = given[:, label].astype(np.intp)
        if FEWEST <= own.sum() <= len(own) - FEWEST:
            both = np.stack([1.0 - outputs[:, label], outputs[:, label]], axis=1)
            wrong[:, label] = TrueLabels.of(both, own).wrong
    return wrong


def _named(subject: Subject, own: Flags) -> list[str]:
    return [subject.schema.labels[one] for one in np.flatnonzero(own)]


def _reason(label: str, has: bool) -> str:
    return f"held-out answers speak against {label}" if has else f"{label} may be missing"


def _pairs(rows: Sequence[AuditedRow]) -> tuple[Pair, ...]:
    """How often each label is wrongly given, or missing."""
    counts = Counter(
        (part["label"], NONE) if part["given"] else (NONE, part["label"])
        for row in rows
        for part in row.parts
    )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Pair(given, likely, count) for (given, likely), count in ordered)


def _no_labels(subject: Subject) -> DataError:
    return DataError(
        "No row has a label, so there is nothing to audit.",
        place=subject.places[0][0],
        expected="rows with labels",
        found="none",
        remedy="name the column of labels: --label COLUMN, or data.label in a recipe",
    )
