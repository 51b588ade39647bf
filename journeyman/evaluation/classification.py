"""How well single labels are predicted: accuracy, macro-F1, each class, and the confusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from journeyman.evaluation.fscore import (
    ClassEvaluation,
    class_columns,
    class_metrics,
    mean_of_present,
    precision_recall_f1,
)
from journeyman.evaluation.intervals import (
    DEFAULT_RESAMPLING,
    Array,
    Groups,
    Resampling,
    additive_metrics,
    ratio,
)
from journeyman.types import Metric


@dataclass(frozen=True)
class Confusion:
    """`counts[row][column]`: rows whose true label is `labels[row]`, predicted `labels[column]`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Labels and counts as one JSON object."""
        return {"labels": list(self.labels), "counts": [list(row) for row in self.counts]}


@dataclass(frozen=True)
class ClassificationEvaluation(ClassEvaluation):
    """Accuracy and macro_f1, and how classes are confused."""

    confusion: Confusion


def evaluate_classification(
    truths: Sequence[str],
    predictions: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> ClassificationEvaluation:
    """Every figure of a single-label classifier, from one set of resamples.

    `labels` fixes the order of classes (default: sorted). Macro-F1 is the mean over the classes
    that occur in the truth or the predictions, scikit-learn's default.
    """
    names = label_order(truths, predictions, labels)
    true, predicted = label_codes(truths, names), label_codes(predictions, names)
    metrics = additive_metrics(
        class_statistics(true, predicted, len(names)),
        _all_measures,
        groups=groups,
        resampling=resampling,
    )
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (true, predicted), 1)
    return ClassificationEvaluation(
        {"accuracy": metrics[0], "macro_f1": metrics[1]},
        class_metrics(names, metrics[2:], counts.sum(axis=1)),
        Confusion(names, tuple(tuple(int(cell) for cell in row) for row in counts)),
    )


def classification_metrics(
    truths: Sequence[str],
    predictions: Sequence[str],
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> dict[str, Metric]:
    """Accuracy and macro_f1 alone, as baselines and slices report them."""
    names = label_order(truths, predictions)
    statistics = class_statistics(
        label_codes(truths, names), label_codes(predictions, names), len(names)
    )
    accuracy, macro_f1 = additive_metrics(
        statistics, overall_measures, groups=groups, resampling=resampling
    )
    return {"accuracy": accuracy, "macro_f1": macro_f1}


def accuracy_score(truths: Sequence[str], predictions: Sequence[str]) -> float:
    """The share of rows predicted correctly, without an interval; for choosing on validation."""
    return _point(truths, predictions, 0)


def macro_f1_score(truths: Sequence[str], predictions: Sequence[str]) -> float:
    """Macro-F1 without an interval; for choosing on validation."""
    return _point(truths, predictions, 1)


def label_order(
    truths: Sequence[str], predictions: Sequence[str], labels: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The classes in order: `labels`, or every label seen, sorted."""
    if len(truths) != len(predictions):
        raise ValueError(f"{len(truths)} true labels for {len(predictions)} predictions")
    seen = set(truths) | set(predictions)
    if labels is None:
        return tuple(sorted(seen))
    if unknown := seen - set(labels):
        raise ValueError(f"labels outside the schema: {sorted(unknown)[:5]}")
    return tuple(labels)


def label_codes(labels: Sequence[str], names: tuple[str, ...]) -> NDArray[np.intp]:
    """Each label's place in `names`."""
    places = {name: place for place, name in enumerate(names)}
    return np.fromiter((places[label] for label in labels), np.intp, len(labels))


def class_statistics(
    true: NDArray[np.intp], predicted: NDArray[np.intp], classes: int
) -> csr_array:
    """Additive statistics [rows, 3C]: hit, predicted and actual, one column a class each."""
    rows = np.arange(len(true))
    hits = rows[true == predicted]
    row = np.concatenate([hits, rows, rows])
    column = np.concatenate([true[hits], classes + predicted, 2 * classes + true])
    return csr_array((np.ones(len(row)), (row, column)), shape=(len(true), 3 * classes))


def overall_measures(sums: Array) -> Array:
    """Sums [B, 3C] to accuracy and macro-F1 [B, 2]."""
    hits, predicted, actual = class_columns(sums)
    accuracy = ratio(hits.sum(axis=1), actual.sum(axis=1))
    f1 = precision_recall_f1(hits, predicted, actual)[2]
    return np.stack([accuracy, mean_of_present(f1)], axis=1)


def _all_measures(sums: Array) -> Array:
    scores = precision_recall_f1(*class_columns(sums))
    return np.concatenate([overall_measures(sums), *scores], axis=1)


def _point(truths: Sequence[str], predictions: Sequence[str], measure: int) -> float:
    names = label_order(truths, predictions)
    statistics = class_statistics(
        label_codes(truths, names), label_codes(predictions, names), len(names)
    )
    sums = np.asarray(statistics.sum(axis=0), dtype=np.float64).reshape(1, -1)
    return float(overall_measures(sums)[0, measure])
