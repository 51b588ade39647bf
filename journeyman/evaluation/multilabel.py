"""How well sets of labels are predicted: micro and macro F1, whole sets, and each label."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

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

LabelSets = Sequence[Collection[str]]
"""The labels of each row; a row may have none."""


def evaluate_multilabel(
    truths: LabelSets,
    predictions: LabelSets,
    *,
    labels: Sequence[str] | None = None,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> ClassEvaluation:
    """micro_f1, macro_f1, subset_accuracy and each label, from one set of resamples.

    Subset accuracy counts a row only when its whole set is right. Macro-F1 is over the labels
    that occur in the truth or the predictions.
    """
    if len(truths) != len(predictions):
        raise ValueError(f"{len(truths)} true label sets for {len(predictions)} predictions")
    names = tuple(labels) if labels is not None else _names(truths, predictions)
    true, predicted = indicators(truths, names), indicators(predictions, names)
    exact = (true == predicted).all(axis=1, keepdims=True).astype(np.float64)
    statistics = np.concatenate(
        [exact, np.ones_like(exact), true * predicted, predicted, true], axis=1
    )
    metrics = additive_metrics(statistics, _measures, groups=groups, resampling=resampling)
    return ClassEvaluation(
        dict(zip(("micro_f1", "macro_f1", "subset_accuracy"), metrics, strict=False)),
        class_metrics(names, metrics[3:], true.sum(axis=0)),
    )


def indicators(sets: LabelSets, names: tuple[str, ...]) -> Array:
    """[rows, labels] of zeros and ones."""
    places = {name: place for place, name in enumerate(names)}
    matrix = np.zeros((len(sets), len(names)))
    for row, members in enumerate(sets):
        for label in members:
            matrix[row, places[label]] = 1
    return matrix


def _names(truths: LabelSets, predictions: LabelSets) -> tuple[str, ...]:
    return tuple(sorted({label for sets in (truths, predictions) for row in sets for label in row}))


def _measures(sums: Array) -> Array:
    hits, predicted, actual = class_columns(sums[:, 2:])
    precision, recall, f1 = precision_recall_f1(hits, predicted, actual)
    micro = ratio(2 * hits.sum(axis=1), (predicted + actual).sum(axis=1))
    overall = np.stack([micro, mean_of_present(f1), ratio(sums[:, 0], sums[:, 1])], axis=1)
    return np.concatenate([overall, precision, recall, f1], axis=1)
