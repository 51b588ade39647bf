"""Which given labels are likely wrong, and how often labels are: confident learning.

Northcutt, Jiang and Chuang (2021), "Confident learning: estimating uncertainty in dataset labels".
Shapes: N rows, C classes. What is asked of each row is what a model holds probable that has not
learned the row: otherwise it would have learned the wrong label too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.intervals import Array

UNKNOWN = -1
"""In place of a row's class where its label is not one of them."""
UNSEEN = 1.2
"""How many times as many wrong labels are by far more."""


def classes_of(targets: Any) -> NDArray[np.intp]:
    """[N] the class of most weight in each row of targets [N, C]; `UNKNOWN` where none has any."""
    weights = np.asarray(targets)
    return np.where(weights.sum(axis=1) > 0, weights.argmax(axis=1), UNKNOWN)


@dataclass(frozen=True)
class LabelDoubts:
    """Of each row the `given` class, the `likely` one, the probability of the given one, and
    whether the label is `suspect`.

    `joint` [C, C] is the estimated share of all rows by given class and true class.
    """

    given: NDArray[np.intp]
    likely: NDArray[np.intp]
    confidence: Array
    suspect: NDArray[np.bool_]
    joint: Array

    @classmethod
    def of(cls, chances: Array, given: NDArray[np.intp]) -> LabelDoubts:
        """From out-of-fold probabilities [N, C] and given classes [N] (`UNKNOWN` where none).

        A class is credible for a row where its probability reaches its mean over the rows that
        were given it, so a class of which a model is never sure is not held against its rows. The
        likely class is the most probable of the credible ones, or the given one where none is.
        """
        chances, given = np.asarray(chances, dtype=np.float64), np.asarray(given, dtype=np.intp)
        if chances.ndim != 2 or given.shape != chances.shape[:1]:
            raise ValueError(f"probabilities {chances.shape} and classes {given.shape} do not fit")
        if not np.isfinite(chances).all():
            raise ValueError("probabilities must be finite")
        known = given != UNKNOWN
        credible = chances >= _thresholds(chances[known], given[known])
        sure = credible.any(axis=1)
        best = np.where(credible, chances, -np.inf).argmax(axis=1)
        likely = np.where(sure, best, given)
        own = np.where(known, chances[np.arange(len(given)), given], 0.0)
        counted = sure & known
        joint = _joint(given[counted], likely[counted], given[known], chances.shape[1])
        return cls(given, likely, own, sure & known & (likely != given), joint)

    @classmethod
    def of_posterior(
        cls, posterior: Array, given: NDArray[np.intp], least: float = 0.5
    ) -> LabelDoubts:
        """From the probability of each true class [N, C] and given classes [N] (`UNKNOWN` where
        none): a label is suspect that is wrong with a probability above `least`."""
        known = given != UNKNOWN
        own = np.where(known, posterior[np.arange(len(given)), given], 0.0)
        likely = np.where(known, posterior.argmax(axis=1), given)
        joint = np.zeros((posterior.shape[1],) * 2)
        np.add.at(joint, given[known], posterior[known])
        joint /= max(float(joint.sum()), 1.0)
        return cls(given, likely, own, known & (own < 1.0 - least) & (likely != given), joint)

    def sees_more(self, noise: float) -> bool:
        """Whether it estimates wrong labels by far more often than this share: then they are of a
        kind that whatever gave the share takes for unsure answers."""
        return self.noise > UNSEEN * noise

    @property
    def noise(self) -> float:
        """The estimated share of wrong labels."""
        return float(max(self.joint.sum() - np.trace(self.joint), 0.0))

    def hits(self, guesses: NDArray[np.intp]) -> Array:
        """[N] estimates whose mean is how often `guesses` [N] meet the true classes.

        Without knowing any true class: each row counts by the inverse of the estimated chance that
        a true class was given as another (Natarajan et al. 2013, "Learning with noisy labels";
        Patrini et al. 2017, backward correction), so what a guess owes to repeating common
        mistakes is taken off. Single values may leave [0, 1]. Rows of unknown class have none (0).
        """
        columns = self.joint.sum(axis=0)
        seen = columns > 0
        given_true = np.where(seen, self.joint / np.where(seen, columns, 1.0), np.eye(len(columns)))
        true_given = np.linalg.pinv(given_true)
        known = self.given != UNKNOWN
        return np.where(known, true_given[guesses, self.given], 0.0)


def _thresholds(chances: Array, given: NDArray[np.intp]) -> Array:
    """[C] mean probability of each class over the rows that were given it; never met where none."""
    sums, counts = np.zeros(chances.shape[1]), np.bincount(given, minlength=chances.shape[1])
    np.add.at(sums, given, chances[np.arange(len(given)), given])
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def _joint(
    given: NDArray[np.intp], likely: NDArray[np.intp], every: NDArray[np.intp], classes: int
) -> Array:
    """Pairs that could be counted, scaled so that given classes have their shares of all rows."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (given, likely), 1.0)
    rows = counts.sum(axis=1)
    counts[np.diag_indices(classes)] += rows == 0  # Nothing speaks against these labels.
    share = np.bincount(every, minlength=classes) / max(len(every), 1)
    scaled: Array = counts / counts.sum(axis=1, keepdims=True) * share[:, None]
    return scaled
