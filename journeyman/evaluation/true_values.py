"""Which given numbers are likely wrong, by answers of a model that has not learned them.

A right number lies about the answer, and more likely where numbers are common; a wrong one has
nothing to do with the row, and is any of those that were given. So what speaks for a number is how
much nearer to the answer it is than the others are. The share of wrong numbers follows by
expectation maximisation, the spread of right ones by the likelihood of the numbers as given; errors
have Student's t-distribution, so that a few large ones do not pass for mistakes (Lange, Little and
Taylor 1989, "Robust statistical modeling using the t distribution"). Shape: N rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import t

from journeyman.evaluation.intervals import Array

FREEDOM = 4.0
"""Degrees of freedom of errors: the tails of numbers that people gave."""
COMPARED = 512
"""Given numbers that stand for all of them, evenly from the least to the greatest."""
ROUNDS = 40
FIRST = 0.1
"""The share of wrong numbers that rounds start from."""
SETTLED = 1e-5
LEAST_SPREAD, MOST_SPREAD = 1e-4, 2.0
"""Between which the spread is looked for, in deviations of the given numbers."""


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
        deviation = float(given.std())
        if len(given) < 3 or deviation == 0:
            return cls(given, answers, 0.0, np.zeros(len(given)))
        others = np.quantile(given, np.linspace(0, 1, min(COMPARED, len(given))), method="nearest")
        share, spread, wrong = FIRST, deviation, np.zeros(len(given))
        for turn in range(ROUNDS):
            if turn % 4 == 0:
                spread = deviation * _spread(given / deviation, answers / deviation,
                                             others / deviation, share)  # fmt: skip
                right = np.exp(_speaking(given, answers, others, spread))
            wrong = share / (share + (1.0 - share) * right)
            before, share = share, (float(wrong.sum()) + 1.0) / (len(wrong) + 2.0)
            if turn % 4 == 3 and abs(share - before) < SETTLED:
                break
        return cls(given, answers, spread, wrong)

    @property
    def noise(self) -> float:
        """The estimated share of wrong numbers."""
        return float(self.wrong.mean()) if len(self.wrong) else 0.0


def _speaking(given: Array, answers: Array, others: Array, spread: float) -> Array:
    """[N] logarithm of how much likelier each number is by its answer than any given one is."""
    each = t.logpdf((others[None] - answers[:, None]) / spread, FREEDOM)
    usual = logsumexp(each, axis=1) - np.log(len(others))
    found: Array = t.logpdf((given - answers) / spread, FREEDOM) - usual
    return found


def _spread(given: Array, answers: Array, others: Array, share: float) -> float:
    """The spread under which the numbers as given are likeliest, mistakes included."""

    def loss(logarithm: float) -> float:
        right = np.exp(_speaking(given, answers, others, float(np.exp(logarithm))))
        return -float(np.log(share + (1.0 - share) * right).mean())

    bounds = float(np.log(LEAST_SPREAD)), float(np.log(MOST_SPREAD))
    best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.02})
    return float(np.exp(best.x))
