"""How well numbers are predicted, and the interval that covers them.

Split conformal prediction: Papadopoulos et al. (2002), "Inductive confidence machines for
regression"; Lei et al. (2018), "Distribution-free predictive inference for regression".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.intervals import (
    DEFAULT_RESAMPLING,
    Array,
    Groups,
    Resampling,
    additive_metrics,
    mean_metric,
    ratio,
    resampled_metrics,
)
from journeyman.types import Metric

Values = Sequence[float] | NDArray[np.floating]

REGRESSION_METRICS = ("pearson", "spearman", "mae", "rmse", "r2")


def evaluate_regression(
    truths: Values,
    predictions: Values,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> dict[str, Metric]:
    """pearson, spearman, mae, rmse and r2 with intervals.

    Correlations and r2 are None where the numbers do not vary.
    """
    true, predicted = _pair(truths, predictions)
    additive = additive_metrics(
        regression_statistics(true, predicted),
        regression_measures,
        groups=groups,
        resampling=resampling,
    )
    spearman = resampled_metrics(
        _rank_correlation(true, predicted), len(true), groups=groups, resampling=resampling
    )
    return dict(zip(REGRESSION_METRICS, [additive[0], *spearman, *additive[1:]], strict=True))


def pearson_metric(
    truths: Values,
    predictions: Values,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Metric:
    """Pearson's correlation alone."""
    return additive_metrics(
        regression_statistics(*_pair(truths, predictions)),
        regression_measures,
        groups=groups,
        resampling=resampling,
    )[0]


def regression_statistics(true: Array, predicted: Array) -> Array:
    """Additive statistics [rows, 8]; both sides share one shift, which the metrics ignore."""
    shift = true.mean() if len(true) else 0.0
    x, y = predicted - shift, true - shift
    error = predicted - true
    columns = [np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(error), error * error]
    return np.stack(columns, axis=1)


def regression_measures(sums: Array) -> Array:
    """Sums [B, 8] to pearson, mae, rmse and r2 [B, 4]."""
    rows, _, y, _, yy, _, absolute, squared = sums.T
    variation = _positive(yy - ratio(y * y, rows), yy)
    return np.stack(
        [
            _correlation(*sums.T[:6]),
            ratio(absolute, rows),
            np.sqrt(ratio(squared, rows)),
            1 - ratio(squared, variation),
        ],
        axis=1,
    )


def conformal_half_width(residuals: Values, coverage: float = 0.9) -> float | None:
    """Half the width of an interval that covers a new row's truth at rate `coverage`.

    `residuals` are truth minus prediction on validation rows. None when there are too few rows
    for any finite width to promise it (fewer than 9 at 0.9).
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie between 0 and 1, not {coverage}")
    sizes = np.sort(np.abs(np.asarray(residuals, dtype=np.float64)))
    # The tolerance keeps a product such as 10 * 0.9 from rounding up to the next rank.
    rank = math.ceil((len(sizes) + 1) * coverage - 1e-9)
    return float(sizes[rank - 1]) if rank <= len(sizes) else None


def interval_coverage(
    truths: Values,
    predictions: Values,
    half_width: float,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Metric:
    """The share of truths within `half_width` of their prediction."""
    true, predicted = _pair(truths, predictions)
    inside = (np.abs(true - predicted) <= half_width).astype(np.float64)
    return mean_metric(inside, groups=groups, resampling=resampling)


def _pair(truths: Values, predictions: Values) -> tuple[Array, Array]:
    true = np.asarray(truths, dtype=np.float64)
    predicted = np.asarray(predictions, dtype=np.float64)
    if true.shape != predicted.shape or true.ndim != 1:
        raise ValueError(f"true values {true.shape} and predictions {predicted.shape} differ")
    if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise ValueError("values to compare must be finite")
    return true, predicted


def _positive(variation: Array, scale: Array) -> Array:
    """`variation` with what is only rounding set to zero."""
    return np.where(variation > 1e-12 * scale, variation, 0.0)


def _correlation(rows: Array, x: Array, y: Array, xx: Array, yy: Array, xy: Array) -> Array:
    across_x = _positive(xx - ratio(x * x, rows), xx)
    across_y = _positive(yy - ratio(y * y, rows), yy)
    together = xy - ratio(x * y, rows)
    return np.clip(ratio(together, np.sqrt(across_x * across_y)), -1, 1)


def _rank_correlation(true: Array, predicted: Array) -> Callable[[Array], Array]:
    """Spearman's correlation as a function of row weights; ranks are redone in each resample."""
    rank_true, rank_predicted = _weighted_ranks(true), _weighted_ranks(predicted)

    def measure(weights: Array) -> Array:
        rows = weights.sum(axis=1)
        middle = (rows[:, None] + 1) / 2
        x, y = rank_predicted(weights) - middle, rank_true(weights) - middle
        sums = [np.einsum("bn,bn->b", weights, part) for part in (x, y, x * x, y * y, x * y)]
        return _correlation(rows, *sums)[:, None]

    return measure


def _weighted_ranks(values: Array) -> Callable[[Array], Array]:
    """Mid-ranks [B, rows] of `values` where row i stands `weights[b, i]` times."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(values)])
    _, group = np.unique(values, return_inverse=True)

    def ranks(weights: Array) -> Array:
        if not len(values):
            return weights
        ties = np.add.reduceat(weights[:, order], starts, axis=1)
        middle = np.cumsum(ties, axis=1) - (ties - 1) / 2
        return middle[:, group]

    return ranks
