"""Whether one system beats another on the same rows: paired bootstrap of the difference.

Both systems are measured on each resample, so what makes a resample hard is hard for both and
cancels: Berg-Kirkpatrick, Burkett and Klein (2012), "An empirical investigation of statistical
significance in NLP". Every difference is first minus second; it is significant at 5 % when its
interval leaves out 0, and `first` is not inferior by a margin m when `low` is above -m.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack

from journeyman.evaluation.classification import (
    class_statistics,
    label_codes,
    overall_measures,
)
from journeyman.evaluation.fscore import class_columns, precision_recall_f1
from journeyman.evaluation.intervals import (
    DEFAULT_RESAMPLING,
    Array,
    Groups,
    Measure,
    Resampling,
    additive_metrics,
)
from journeyman.evaluation.regression import (
    Values,
    regression_measures,
    regression_statistics,
)
from journeyman.evaluation.spans import SpanSets, span_statistics
from journeyman.types import Metric


def paired_difference(
    first: Any,
    second: Any,
    measure: Measure,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Metric]:
    """measure(first) - measure(second) for additive statistics [rows, K] of the same rows."""
    if first.shape != second.shape:
        raise ValueError(f"statistics {first.shape} and {second.shape} are not of the same rows")
    width = int(first.shape[1])
    both = hstack([csr_array(first), csr_array(second)], format="csr")

    def difference(sums: Array) -> Array:
        return measure(sums[:, :width]) - measure(sums[:, width:])

    return additive_metrics(both, difference, groups=groups, resampling=resampling)


def compare_classification(
    truths: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> dict[str, Metric]:
    """Differences in accuracy and macro_f1."""
    names = tuple(sorted({*truths, *first, *second}))
    true = label_codes(truths, names)
    one, other = (
        class_statistics(true, label_codes(side, names), len(names)) for side in (first, second)
    )
    accuracy, macro_f1 = paired_difference(
        one, other, overall_measures, groups=groups, resampling=resampling
    )
    return {"accuracy": accuracy, "macro_f1": macro_f1}


def compare_regression(
    truths: Values,
    first: Values,
    second: Values,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> dict[str, Metric]:
    """Differences in pearson, mae, rmse and r2."""
    true = np.asarray(truths, dtype=np.float64)
    one, other = (
        regression_statistics(true, np.asarray(side, dtype=np.float64)) for side in (first, second)
    )
    differences = paired_difference(
        one, other, regression_measures, groups=groups, resampling=resampling
    )
    return dict(zip(("pearson", "mae", "rmse", "r2"), differences, strict=True))


def compare_spans(
    truths: SpanSets,
    first: SpanSets,
    second: SpanSets,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> dict[str, Metric]:
    """The difference in span_f1."""
    names = tuple(
        sorted({span[2] for side in (truths, first, second) for row in side for span in row})
    )

    def span_f1(sums: Array) -> Array:
        hits, predicted, actual = (part.sum(axis=1) for part in class_columns(sums))
        return precision_recall_f1(hits, predicted, actual)[2][:, None]

    one, other = (span_statistics(truths, side, names) for side in (first, second))
    difference = paired_difference(one, other, span_f1, groups=groups, resampling=resampling)
    return {"span_f1": difference[0]}
