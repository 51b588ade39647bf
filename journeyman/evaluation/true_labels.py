"""What the true label of a row likely is, given its label and what a model answered of it.

A given label comes of a true one by mistakes that depend on the class alone. How often each class
is given as each other is not known; it is estimated together with the posterior of every row's true
class by expectation maximisation (Dawid and Skene 1979, "Maximum likelihood estimation of observer
error-rates using the EM algorithm"), with a model that has not learned the row in place of other
observers. The temperature of the model's answers is fitted within, by the likelihood of the labels
as they were given: fitted without the mistakes, wrong labels would make it look unsure.
Shapes: N rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from journeyman.evaluation.intervals import Array

ROUNDS = 40
"""Rounds of expectation and maximisation at most."""
SETTLED = 1e-4
"""The change of the estimated share of wrong labels below which rounds end."""
BELIEVED = 2.0
"""Rows of each class that are held to be mixed up as the average class is, before any are seen."""
FIRST = 0.25
"""The share of wrong labels that rounds start from: from less, rounds on few rows end before they
come away from it."""
SHARPEST, FLATTEST = 0.01, 10.0
"""Temperatures, in deviations of a row's outputs, between which the best is looked for."""


@dataclass(frozen=True)
class TrueLabels:
    """What is held of the true labels of N rows.

    `chances` [N, C] are the model's, calibrated to true labels; `posterior` [N, C] those that
    heed the given label too; `mistakes` [C, C] how often a true class (row) is given as each.
    """

    given: NDArray[np.intp]
    chances: Array
    posterior: Array
    mistakes: Array
    temperature: float

    @classmethod
    def of(cls, outputs: Array, given: NDArray[np.intp]) -> TrueLabels:
        """From held-out outputs [N, C], logits or any scores, and given classes [N].

        Raises ValueError for shapes that do not fit, and for fewer than two classes.
        """
        scores, given = np.asarray(outputs, dtype=np.float64), np.asarray(given, dtype=np.intp)
        if scores.ndim != 2 or given.shape != scores.shape[:1] or scores.shape[1] < 2:
            raise ValueError(f"outputs {scores.shape} and classes {given.shape} do not fit")
        classes = scores.shape[1]
        mistakes = _evenly(FIRST, classes)
        unit = float(scores.std(axis=1).mean()) or 1.0
        noise, temperature = FIRST, unit
        for turn in range(ROUNDS):
            if turn % 4 == 0:
                temperature = unit * _sharpness(scores / unit, given, mistakes)
                chances = log_softmax(scores / temperature, axis=1)
            posterior = _posterior(chances, given, mistakes)
            mistakes = _mistakes(posterior, given)
            before, noise = noise, 1.0 - float(posterior[np.arange(len(given)), given].mean())
            if turn % 4 == 3 and abs(noise - before) < SETTLED:
                break
        posterior = _posterior(chances, given, mistakes)
        return cls(given, np.exp(chances), posterior, mistakes, temperature)

    @property
    def wrong(self) -> Array:
        """[N] the probability that each given label is wrong."""
        return 1.0 - self.posterior[np.arange(len(self.given)), self.given]

    @property
    def noise(self) -> float:
        """The estimated share of wrong labels."""
        return float(self.wrong.mean()) if len(self.given) else 0.0

    @property
    def others(self) -> NDArray[np.intp]:
        """[N] the likeliest class of each row but for the given one."""
        rest = self.posterior.copy()
        rest[np.arange(len(self.given)), self.given] = -1.0
        return np.asarray(rest.argmax(axis=1), dtype=np.intp)


def _posterior(chances: Array, given: NDArray[np.intp], mistakes: Array) -> Array:
    """[N, C] of the true class, from logarithms of the model's chances."""
    joint = chances + np.log(mistakes).T[given]
    found: Array = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    return found


def _mistakes(posterior: Array, given: NDArray[np.intp]) -> Array:
    """[C, C] how often each true class is given as each, rare classes held near the average."""
    classes = posterior.shape[1]
    counts = np.zeros((classes, classes))
    np.add.at(counts.T, given, posterior)
    wrong = counts.sum() - np.trace(counts)
    average = _evenly((wrong + 1.0) / (counts.sum() + 2.0), classes)
    counts += BELIEVED * average
    shares: Array = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _evenly(share: float, classes: int) -> Array:
    """Mistakes of this share, every other class alike."""
    mistakes = np.full((classes, classes), share / (classes - 1))
    np.fill_diagonal(mistakes, 1.0 - share)
    return mistakes


def _sharpness(scores: Array, given: NDArray[np.intp], mistakes: Array) -> float:
    """The temperature under which the labels as given are likeliest, mistakes included."""
    from scipy.optimize import minimize_scalar  # Heavy, and seldom needed.

    told = np.log(mistakes).T[given]

    def loss(logarithm: float) -> float:
        joint = log_softmax(scores / np.exp(logarithm), axis=1) + told
        return -float(logsumexp(joint, axis=1).mean())

    bounds = float(np.log(SHARPEST)), float(np.log(FLATTEST))
    best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.01})
    return float(np.exp(best.x))
