"""Which given numbers are likely wrong, by answers of a model that has not learned them.

A right number differs from the answer by an error whose size is estimated; a wrong one has nothing
to do with the row, and is drawn from all numbers that were given. Shares and sizes follow by
expectation maximisation of this mixture; errors have Student's t-distribution, so that a few large
ones do not pass for mistakes (Lange, Little and Taylor 1989, "Robust statistical modeling using the
t distribution"). Shape: N rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import gaussian_kde, t

from journeyman.evaluation.intervals import Array

FREEDOM = 4.0
"""Degrees of freedom of errors: the tails of numbers that people gave."""
ROUNDS = 200
FIRST = 0.1
"""The share of wrong numbers that rounds start from."""
SETTLED = 1e-6
NORMAL = 1.4826
"""Median absolute deviations in a standard deviation of normal numbers."""


@dataclass(frozen=True)
class TrueValues:
    """What is held of N given numbers: the model's `answers`, the `spread` of their errors (in the
    numbers' unit), and `wrong` [N], the probability that each is a mistake."""

    given: Array
    answers: Array
    spread: float
    wrong: Array

    @classmethod
    def of(cls, answers: Array, given: Array) -> TrueValues:
        """From held-out answers [N] and given numbers [N]; ValueError where shapes do not fit."""
        answers, given = np.asarray(answers, np.float64), np.asarray(given, np.float64)
        if answers.shape != given.shape or answers.ndim != 1:
            raise ValueError(f"answers {answers.shape} and numbers {given.shape} do not fit")
        errors = given - answers
        least = 1e-9 * max(float(np.ptp(given)), 1e-300)
        spread = max(NORMAL * float(np.median(np.abs(errors))), least)
        if len(given) < 3 or not np.ptp(given):
            return cls(given, answers, spread, np.zeros(len(given)))
        anywhere = gaussian_kde(given)(given)
        share, wrong = FIRST, np.zeros(len(given))
        for _ in range(ROUNDS):
            right = (1.0 - share) * t.pdf(errors / spread, FREEDOM) / spread
            wrong = share * anywhere / (share * anywhere + right)
            before, share = share, (float(wrong.sum()) + 1.0) / (len(wrong) + 2.0)
            far = (FREEDOM + 1.0) / (FREEDOM + np.square(errors / spread))
            kept = 1.0 - wrong
            square = float((kept * far * np.square(errors)).sum() / max(kept.sum(), 1e-12))
            spread = max(square**0.5, least)
            if abs(share - before) < SETTLED:
                break
        return cls(given, answers, spread, wrong)

    @property
    def noise(self) -> float:
        """The estimated share of wrong numbers."""
        return float(self.wrong.mean()) if len(self.wrong) else 0.0
