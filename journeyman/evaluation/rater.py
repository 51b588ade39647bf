"""How well one human does at the same job: a single rater against the mean of the others.

One rater is drawn at random for each row and left out of that row's mean; the mean of the rest
is the truth for the rater and for the model alike, so neither is graded on its own vote. The
leave-one-out rater as a ceiling: Snow et al. (2008), "Cheap and fast, but is it good?".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.classification import classification_metrics
from journeyman.evaluation.intervals import DEFAULT_RESAMPLING, Array, Groups, Resampling
from journeyman.evaluation.regression import Values, pearson_metric
from journeyman.types import Metric

LABELS = ("negative", "neutral", "positive")
THRESHOLDS = (-0.5, 0.5)


@dataclass(frozen=True)
class RaterDraw:
    """`rows` that have at least two ratings; each one's drawn rating and the mean of the others."""

    rows: NDArray[np.intp]
    ratings: Array
    truths: Array


@dataclass(frozen=True)
class RaterComparison:
    """macro_f1, accuracy and pearson of one rater and, where asked, of a model, on `rows` rows."""

    human: dict[str, Metric]
    model: dict[str, Metric]
    rows: int


def draw_raters(ratings: Sequence[Sequence[float]], seed: int = 0) -> RaterDraw:
    """Draw one rater a row; rows with fewer than two ratings are left out."""
    random = np.random.default_rng(seed)
    rows, drawn, others = [], [], []
    for row, votes in enumerate(ratings):
        if len(votes) < 2:
            continue
        pick = int(random.integers(len(votes)))
        rows.append(row)
        drawn.append(float(votes[pick]))
        others.append((sum(votes[:pick]) + sum(votes[pick + 1 :])) / (len(votes) - 1))
    return RaterDraw(np.array(rows, dtype=np.intp), np.array(drawn), np.array(others))


def compare_raters(
    ratings: Sequence[Sequence[float]],
    *,
    model_labels: Sequence[str] | None = None,
    model_values: Values | None = None,
    thresholds: tuple[float, float] = THRESHOLDS,
    labels: tuple[str, str, str] = LABELS,
    seed: int = 0,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> RaterComparison:
    """One human rater, and the model, against the mean of the other raters.

    `model_labels` and `model_values` have an entry a row of `ratings`.
    """
    draw = draw_raters(ratings, seed)
    true = label_values(draw.truths, thresholds, labels)
    units = None if groups is None else [groups[int(row)] for row in draw.rows]

    def classes(predicted: Sequence[str]) -> dict[str, Metric]:
        return classification_metrics(true, predicted, groups=units, resampling=resampling)

    def pearson(predicted: Values) -> dict[str, Metric]:
        metric = pearson_metric(draw.truths, predicted, groups=units, resampling=resampling)
        return {"pearson": metric}

    model: dict[str, Metric] = {}
    if model_labels is not None:
        model |= classes([model_labels[int(row)] for row in draw.rows])
    if model_values is not None:
        model |= pearson(np.asarray(model_values, dtype=np.float64)[draw.rows])
    human = classes(label_values(draw.ratings, thresholds, labels)) | pearson(draw.ratings)
    return RaterComparison(human, model, len(draw.rows))


def label_values(
    values: Values,
    thresholds: tuple[float, float] = THRESHOLDS,
    labels: tuple[str, str, str] = LABELS,
) -> list[str]:
    """The class of each value: the first at or below the lower threshold, the last at or above
    the upper one, else the middle one."""
    low, high = thresholds
    return [
        labels[0] if value <= low else labels[2] if value >= high else labels[1]
        for value in np.asarray(values, dtype=np.float64)
    ]
