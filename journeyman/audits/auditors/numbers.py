"""A number a row: how far it is from held-out answers, beside how far right numbers usually are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch

from journeyman.audits.base import AUDITORS, LABEL, Audit, AuditedRow, Auditor, Subject
from journeyman.audits.held import answers, rows_of
from journeyman.audits.nearness import Near, near_rows
from journeyman.errors import DataError
from journeyman.evaluation.true_values import TrueValues
from journeyman.section import Figure
from journeyman.types import TargetKind

FAR_APART = 3.0
"""Spreads of errors by which the numbers of two near duplicates differ for it to be told."""


@AUDITORS.register("numbers")
class Numbers(Auditor):
    """The probability that a number is none of the row's (`evaluation/true_values.py`)."""

    name = "numbers"
    kinds: ClassVar[tuple[TargetKind, ...]] = ("value",)

    def audit(self, subject: Subject) -> Audit:
        """Each row's number against answers that have not learned the row."""
        _require_numbers(subject)
        frozen = rows_of(subject)
        subject.reporter.say("  doubting numbers")
        outputs = torch.from_numpy(answers(frozen, self.options.folds, subject.seed))

        def values(encoded: torch.Tensor) -> list[float]:
            return [float(subject.task.raw(row, subject.schema)) for row in encoded.float()]

        given = values(frozen.targets)
        found = TrueValues.of(np.array(values(outputs)), np.array(given))
        near = near_rows(
            frozen.layers, subject, given, self.options.neighbours, FAR_APART * found.spread
        )
        spread = Figure(
            name="spread of right numbers", value=round(found.spread, 4),
            note="around held-out answers, in the unit of the numbers",
        )  # fmt: skip
        rows = tuple(self._rows(subject, found, near))
        return Audit("value", rows, found.noise, figures=(spread,))

    def _rows(self, subject: Subject, found: TrueValues, near: Near) -> Iterable[AuditedRow]:
        """What is said of each row."""
        for at, (given, answer, wrong) in enumerate(
            zip(found.given.tolist(), found.answers.tolist(), found.wrong.tolist(), strict=True)
        ):
            suspect = wrong >= self.options.threshold
            said: list[tuple[str, str]] = []
            if suspect:
                told = f"held-out answers say {answer:.4g} (usual error {found.spread:.2g})"
                said.append((LABEL, f"{told}, not {given:.4g}"))
            said += near.told(at)
            yield subject.audited(
                at,
                given=given,
                likely=answer if suspect else given,
                suspect=suspect,
                score=wrong,
                reasons=tuple(reason for _, reason in said),
                troubles=tuple(trouble for trouble, _ in said),
                certainty=wrong,
                neighbours=near.neighbours(at) if said else (),
            )


def _require_numbers(subject: Subject) -> None:
    span = subject.schema.range
    if span is None or span[0] < span[1]:
        return
    raise DataError(
        "Every row has the same number, so nothing can be told from anything else.",
        place=subject.places[0][0],
        expected="numbers that differ",
        found=f"{span[0]:g} alone",
        remedy="name the column of numbers: --label COLUMN, or data.label in a recipe",
    )
