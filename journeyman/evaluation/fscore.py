"""Precision, recall and F1 from counts, for classes, label sets and spans alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from journeyman.evaluation.intervals import Array, ratio
from journeyman.types import Metric


@dataclass(frozen=True)
class ClassMetrics:
    """One class: precision, recall and F1 with intervals, and `support`, its rows in the truth."""

    precision: Metric
    recall: Metric
    f1: Metric
    support: int

    def to_json(self) -> dict[str, Any]:
        """The three metrics and the support as one JSON object."""
        return {
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
            "f1": self.f1.to_json(),
            "support": self.support,
        }


@dataclass(frozen=True)
class ClassEvaluation:
    """Overall `metrics` by name, and `classes`: every label or type in order."""

    metrics: dict[str, Metric]
    classes: dict[str, ClassMetrics]


def precision_recall_f1(hits: Array, predicted: Array, actual: Array) -> tuple[Array, Array, Array]:
    """Scores from counts of any shape.

    NaN where a class is neither predicted nor there; 0 where only one of the two is missing, as
    scikit-learn and seqeval have it.
    """
    absent = predicted + actual == 0
    precision = np.where(absent, np.nan, hits / np.maximum(predicted, 1))
    recall = np.where(absent, np.nan, hits / np.maximum(actual, 1))
    return precision, recall, ratio(2 * hits, predicted + actual)


def mean_of_present(scores: Array) -> Array:
    """The mean [B] over the classes of [B, C] that are not NaN; NaN where there are none."""
    present = np.isfinite(scores)
    return ratio(np.where(present, scores, 0).sum(axis=1), present.sum(axis=1).astype(np.float64))


def class_columns(sums: Array) -> tuple[Array, Array, Array]:
    """Sums [B, 3C] of hits, predicted and actual counts as three arrays [B, C]."""
    classes = sums.shape[1] // 3
    return sums[:, :classes], sums[:, classes : 2 * classes], sums[:, 2 * classes :]


def class_metrics(
    labels: tuple[str, ...], metrics: list[Metric], supports: Array
) -> dict[str, ClassMetrics]:
    """Per-class entries from 3C metrics: all precisions, then all recalls, then all F1."""
    count = len(labels)
    entries = {}
    for index, label in enumerate(labels):
        support = int(supports[index])
        precision, recall, f1 = (
            replace(metrics[index + part * count], n=support) for part in range(3)
        )
        entries[label] = ClassMetrics(precision, recall, f1, support)
    return entries
