"""What a model that may abstain gains: accuracy on the share of rows it answers.

El-Yaniv and Wiener (2010), "On the foundations of noise-free selective classification"; the area
under the risk-coverage curve as in Geifman, Uziel and El-Yaniv (2019), "Bias-reduced uncertainty
estimation for deep neural classifiers".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.intervals import (
    DEFAULT_RESAMPLING,
    Array,
    Groups,
    Resampling,
    mean_metric,
)
from journeyman.types import Metric

Judgements = Sequence[bool] | NDArray[Any]
Confidences = Sequence[float] | Array


@dataclass(frozen=True)
class Answered:
    """What abstaining below a threshold leaves: the share answered, and how often it is right."""

    threshold: float
    coverage: Metric
    accuracy: Metric


def coverage_curve(
    confidences: Confidences, correct: Judgements, *, points: int = 100
) -> list[dict[str, float]]:
    """Accuracy of the most confident share of rows, by rising coverage, ending at 1.

    A row is answered or not by its confidence alone, so rows of equal confidence come together;
    of longer curves about `points` are kept, evenly over coverage.
    """
    coverage, accuracy, _ = _levels(confidences, correct)
    if len(coverage) > points:
        wanted = np.linspace(coverage[0], 1, points)
        kept = np.unique(np.minimum(np.searchsorted(coverage, wanted), len(coverage) - 1))
        coverage, accuracy = coverage[kept], accuracy[kept]
    return [
        {"coverage": float(share), "accuracy": float(right)}
        for share, right in zip(coverage, accuracy, strict=True)
    ]


def risk_coverage_area(confidences: Confidences, correct: Judgements) -> float | None:
    """Mean error rate over all coverages 1/N, 2/N ... 1; lower is better.

    Rows of equal confidence are taken in random order, and the area is its expected value.
    """
    confidence, right = _sorted(confidences, correct)
    if not len(confidence):
        return None
    ends = _ends(confidence)
    starts = np.r_[0, ends[:-1]]
    rates = np.add.reduceat(1 - right, starts) / (ends - starts)
    errors = np.cumsum(np.repeat(rates, ends - starts))
    return float((errors / np.arange(1, len(errors) + 1)).mean())


def threshold_for_accuracy(
    confidences: Confidences, correct: Judgements, target: float
) -> float | None:
    """The lowest confidence at and above which validation rows are right at rate `target`.

    That answers as many rows as the target permits. None when no threshold reaches it.
    """
    _, accuracy, thresholds = _levels(confidences, correct)
    reached = np.flatnonzero(accuracy >= target)
    return float(thresholds[reached[-1]]) if len(reached) else None


def answered(
    confidences: Confidences,
    correct: Judgements,
    threshold: float,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Answered:
    """Coverage and accuracy of the rows at or above `threshold`, with intervals."""
    confidence = np.asarray(confidences, dtype=np.float64)
    right = np.asarray(correct, dtype=np.float64)
    kept = confidence >= threshold
    groups_kept = None if groups is None else [groups[int(row)] for row in np.flatnonzero(kept)]
    return Answered(
        threshold,
        mean_metric(kept.astype(np.float64), groups=groups, resampling=resampling),
        mean_metric(right[kept], groups=groups_kept, resampling=resampling),
    )


def _sorted(confidences: Confidences, correct: Judgements) -> tuple[Array, Array]:
    """Most confident first."""
    confidence = np.asarray(confidences, dtype=np.float64)
    right = np.asarray(correct, dtype=np.float64)
    if confidence.shape != right.shape or confidence.ndim != 1:
        raise ValueError(f"{confidence.shape} confidences for {right.shape} judgements")
    order = np.argsort(-confidence, kind="stable")
    return confidence[order], right[order]


def _ends(confidence: Array) -> NDArray[np.intp]:
    """How many rows stand at or above each distinct confidence, highest first."""
    if not len(confidence):
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(np.r_[confidence[1:] != confidence[:-1], True]) + 1


def _levels(confidences: Confidences, correct: Judgements) -> tuple[Array, Array, Array]:
    """Coverage, accuracy and threshold at each distinct confidence, highest first."""
    confidence, right = _sorted(confidences, correct)
    ends = _ends(confidence)
    accuracy = np.cumsum(right)[ends - 1] / ends if len(ends) else np.empty(0)
    return ends / max(len(confidence), 1), accuracy, confidence[ends - 1]
