"""Whether a probability of 0.8 is right eight times in ten, and how to make it so.

Temperature scaling and the expected calibration error: Guo et al. (2017), "On calibration of
modern neural networks". Sigmoid calibration and the smoothing of targets that keeps a perfect
or one-sided validation set from an infinite fit: Platt (1999), "Probabilistic outputs for
support vector machines". Bins of equal size: Nguyen and O'Connor (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax

from journeyman.evaluation.intervals import (
    DEFAULT_RESAMPLING,
    Array,
    Groups,
    Resampling,
    additive_metrics,
    ratio,
)
from journeyman.types import Metric

BINS = 15
_WIDEST = float(np.log(1000.0))


@dataclass(frozen=True)
class ReliabilityPoint:
    """One bin: mean confidence, share right, and the rows in it."""

    confidence: float
    accuracy: float
    rows: int


@dataclass(frozen=True)
class CalibrationReport:
    """What temperature scaling, fitted on validation, did to the test rows."""

    temperature: float
    ece_before: Metric
    ece_after: Metric
    nll_before: float
    nll_after: float
    curve_before: tuple[ReliabilityPoint, ...]
    curve_after: tuple[ReliabilityPoint, ...]


@dataclass(frozen=True)
class Platt:
    """Each label's probability is sigmoid(slope * score + intercept)."""

    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]

    def probabilities(self, scores: Array) -> Array:
        """Scores [N, L] to probabilities [N, L]."""
        calibrated: Array = expit(scores * np.array(self.slopes) + np.array(self.intercepts))
        return calibrated


def fit_temperature(scores: Array, truths: Sequence[int] | NDArray[np.intp]) -> float:
    """The temperature [scores / temperature] that minimises the negative log-likelihood.

    `scores` [N, C] are logits or any scores whose softmax is the prediction (the logarithm of
    probabilities is one); `truths` are class indices. Targets are smoothed by 1 / (N + 2), so
    the temperature stays finite when every row is right; scores that never differ within a row
    give 1.
    """
    from scipy.optimize import minimize_scalar  # Heavy, and not needed to answer.

    scores, true = _classified(scores, truths)
    spread = float(scores.std(axis=1).mean()) if scores.size else 0.0
    if scores.shape[1] < 2 or spread <= 1e-12:
        return 1.0
    rows, classes = scores.shape
    smoothing = 1 / (rows + 2)
    targets = np.full(scores.shape, smoothing / (classes - 1))
    targets[np.arange(rows), true] = 1 - smoothing

    def loss(logarithm: float) -> float:
        scaled = log_softmax(scores / (spread * np.exp(logarithm)), axis=1)
        return float(-(targets * scaled).sum() / rows)

    # The loss is convex in 1 / temperature, so it has one minimum in its logarithm.
    best = minimize_scalar(loss, bounds=(-_WIDEST, _WIDEST), method="bounded")
    return float(spread * np.exp(best.x))


def probabilities(scores: Array, temperature: float = 1.0) -> Array:
    """Softmax of scores [N, C] at a temperature."""
    scaled: Array = softmax(np.asarray(scores, dtype=np.float64) / temperature, axis=1)
    return scaled


def negative_log_likelihood(
    scores: Array, truths: Sequence[int] | NDArray[np.intp], temperature: float = 1.0
) -> float:
    """Mean of -log p(true class) in nats."""
    scores, true = _classified(scores, truths)
    scaled = log_softmax(scores / temperature, axis=1)
    return float(-scaled[np.arange(len(true)), true].mean())


def fit_platt(scores: Array, truths: Array) -> Platt:
    """Per-label sigmoid calibration of multi-label scores [N, L] against zeros and ones [N, L].

    Slopes are never negative, so the order of rows stays. A label that all validation rows have,
    or none has, keeps the plain sigmoid: those rows cannot tell how to bend it.
    """
    scores, truths = np.asarray(scores, dtype=np.float64), np.asarray(truths, dtype=np.float64)
    fitted = [_sigmoid(scores[:, label], truths[:, label]) for label in range(scores.shape[1])]
    return Platt(tuple(slope for slope, _ in fitted), tuple(shift for _, shift in fitted))


def calibration_error(
    confidences: Sequence[float] | Array,
    correct: Sequence[bool] | NDArray[Any],
    *,
    bins: int = BINS,
    adaptive: bool = False,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Metric:
    """Expected calibration error: |share right - mean confidence| averaged over bins by rows.

    Bins are of equal width in [0, 1], or, when `adaptive`, of equal numbers of rows. The bins of
    the full sample serve every resample.
    """
    confidence, right = _judged(confidences, correct)
    place = _bin_of(confidence, bins, adaptive)
    statistics = np.zeros((len(confidence), bins + 1))
    statistics[np.arange(len(confidence)), place] = right - confidence
    statistics[:, bins] = 1

    def measure(sums: Array) -> Array:
        return ratio(np.abs(sums[:, :bins]).sum(axis=1), sums[:, bins])[:, None]

    return additive_metrics(statistics, measure, groups=groups, resampling=resampling)[0]


def reliability_curve(
    confidences: Sequence[float] | Array,
    correct: Sequence[bool] | NDArray[Any],
    *,
    bins: int = BINS,
    adaptive: bool = False,
) -> tuple[ReliabilityPoint, ...]:
    """The non-empty bins, least confident first."""
    confidence, right = _judged(confidences, correct)
    place = _bin_of(confidence, bins, adaptive)
    return tuple(
        ReliabilityPoint(
            float(confidence[place == bin_].mean()),
            float(right[place == bin_].mean()),
            int((place == bin_).sum()),
        )
        for bin_ in np.unique(place)
    )


def calibration_report(
    validation_scores: Array,
    validation_truths: Sequence[int] | NDArray[np.intp],
    test_scores: Array,
    test_truths: Sequence[int] | NDArray[np.intp],
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> CalibrationReport:
    """Fit a temperature on validation rows and measure the test rows before and after it."""
    temperature = fit_temperature(validation_scores, validation_truths)
    scores, true = _classified(test_scores, test_truths)
    before, after = (
        (chances.max(axis=1), chances.argmax(axis=1) == true)
        for chances in (probabilities(scores), probabilities(scores, temperature))
    )
    return CalibrationReport(
        temperature,
        calibration_error(*before, groups=groups, resampling=resampling),
        calibration_error(*after, groups=groups, resampling=resampling),
        negative_log_likelihood(scores, true),
        negative_log_likelihood(scores, true, temperature),
        reliability_curve(*before),
        reliability_curve(*after),
    )


def _classified(
    scores: Array, truths: Sequence[int] | NDArray[np.intp]
) -> tuple[Array, NDArray[np.intp]]:
    scores, true = np.asarray(scores, dtype=np.float64), np.asarray(truths, dtype=np.intp)
    if scores.ndim != 2 or true.shape != scores.shape[:1]:
        raise ValueError(f"scores {scores.shape} and true classes {true.shape} do not fit")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return scores, true


def _judged(
    confidences: Sequence[float] | Array, correct: Sequence[bool] | NDArray[Any]
) -> tuple[Array, Array]:
    confidence = np.asarray(confidences, dtype=np.float64)
    right = np.asarray(correct, dtype=np.float64)
    if confidence.shape != right.shape or confidence.ndim != 1:
        raise ValueError(f"{confidence.shape} confidences for {right.shape} judgements")
    return confidence, right


def _bin_of(confidence: Array, bins: int, adaptive: bool) -> NDArray[np.intp]:
    """Each row's bin; rows of equal confidence share one."""
    if adaptive and len(confidence):
        edges = np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1])
    else:
        edges = np.linspace(0, 1, bins + 1)[1:-1]
    place: NDArray[np.intp] = np.searchsorted(edges, confidence, side="left")
    return place


def _sigmoid(scores: Array, truths: Array) -> tuple[float, float]:
    """Slope and intercept of one label."""
    from scipy.optimize import minimize

    positives = truths.sum()
    negatives = len(truths) - positives
    if positives == 0 or negatives == 0:
        return 1.0, 0.0
    targets = np.where(truths > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    spread = float(scores.std())
    scale, centre = (spread, float(scores.mean())) if spread > 1e-12 else (1.0, 0.0)
    standard = (scores - centre) / scale

    def loss(parameters: Array) -> tuple[float, Array]:
        logits = parameters[0] * standard + parameters[1]
        value = -(targets * log_expit(logits) + (1 - targets) * log_expit(-logits)).mean()
        error = expit(logits) - targets
        return float(value), np.array([(error * standard).mean(), error.mean()])

    start = np.array([1.0, np.log((positives + 1) / (negatives + 1))])
    fit = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    slope = float(fit.x[0]) / scale
    return slope, float(fit.x[1]) - slope * centre
