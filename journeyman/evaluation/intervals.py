"""Bootstrap intervals of any metric, over rows or over groups of rows.

A resample is a vector of row weights (how often each row was drawn), so a metric is written once,
as a function of weights, and evaluated for many resamples in one array operation. Most metrics
need only sums over rows ("additive statistics"), where a block of resamples is a matrix product.

Efron (1979), "Bootstrap methods: another look at the jackknife"; percentile intervals as in
Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13. Cluster resampling
draws whole groups: Davison and Hinkley (1997), "Bootstrap Methods and their Application", 3.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.types import Metric

Array = NDArray[np.float64]
Groups = Sequence[Any] | NDArray[Any]
"""One group id a row; rows of one group are drawn together."""

Measure = Callable[[Array], Array]
"""[B, K] sums or weights of B resamples to [B, M] metrics; undefined ones are NaN."""

LEVEL = 0.95
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Resampling:
    """How many resamples are drawn, and from which seed."""

    resamples: int = 1000
    seed: int = 0


DEFAULT_RESAMPLING = Resampling()


def ratio(numerator: Array, denominator: Array) -> Array:
    """Elementwise quotient, NaN where the denominator is zero."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient: Array = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def resampled_metrics(
    measure: Measure,
    rows: int,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Metric]:
    """The M metrics of `measure`, each with its percentile interval.

    `measure` maps row weights [B, rows] to [B, M]. Fewer than two rows (or groups) leave no
    interval, only a value.
    """
    if rows == 0:
        return [Metric(None)] * int(measure(np.ones((1, 0))).shape[1])
    values = measure(np.ones((1, rows)))[0]
    codes, units = _units(rows, groups)
    if units < 2:
        return [percentile_metric(float(value), np.empty(0), rows) for value in values]
    blocks = []
    for counts in _counts(units, resampling):
        blocks.append(measure(counts if codes is None else counts[:, codes]))
    replicates = np.concatenate(blocks)
    return [
        percentile_metric(float(value), column, rows)
        for value, column in zip(values, replicates.T, strict=True)
    ]


def additive_metrics(
    statistics: Any,
    measure: Measure,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Metric]:
    """Metrics that are functions of sums over rows.

    `statistics` [rows, K] is a dense array or a scipy sparse array; `measure` maps sums [B, K]
    to metrics [B, M].
    """

    def of_weights(weights: Array) -> Array:
        return measure(np.asarray(weights @ statistics, dtype=np.float64))

    return resampled_metrics(
        of_weights, int(statistics.shape[0]), groups=groups, resampling=resampling
    )


def percentile_metric(value: float, replicates: Array, rows: int) -> Metric:
    """`value` with the percentile interval of its bootstrap `replicates`.

    Undefined replicates are left out. The interval is widened to the value where resampling is
    biased away from it, as it is for a calibration error near zero.
    """
    if not np.isfinite(value):
        return Metric(None, n=rows)
    finite = replicates[np.isfinite(replicates)]
    if finite.size == 0:
        return Metric(value, n=rows)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(finite, [tail, 100 - tail])
    return Metric(value, min(float(low), value), max(float(high), value), rows)


def mean_metric(
    values: Sequence[float] | Array,
    *,
    groups: Groups | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Metric:
    """The mean of one number a row, such as whether it was answered correctly."""
    column = np.asarray(values, dtype=np.float64).reshape(-1, 1)
    statistics = np.concatenate([column, np.ones_like(column)], axis=1)
    return additive_metrics(
        statistics,
        lambda sums: ratio(sums[:, :1], sums[:, 1:]),
        groups=groups,
        resampling=resampling,
    )[0]


def _units(rows: int, groups: Groups | None) -> tuple[NDArray[np.intp] | None, int]:
    """Each row's unit of resampling (None when every row is its own) and how many there are."""
    if groups is None:
        return None, rows
    if len(groups) != rows:
        raise ValueError(f"{len(groups)} group ids for {rows} rows")
    seen: dict[Any, int] = {}
    codes = np.fromiter((seen.setdefault(group, len(seen)) for group in groups), np.intp, rows)
    return codes, len(seen)


def _counts(units: int, resampling: Resampling) -> Iterator[Array]:
    """Blocks [b, units] of how often each unit was drawn, bounded in memory."""
    random = np.random.default_rng(resampling.seed)
    block = max(1, _BLOCK // units)
    for start in range(0, resampling.resamples, block):
        size = min(block, resampling.resamples - start)
        draws = random.integers(0, units, size=(size, units))
        draws += np.arange(size)[:, None] * units
        counts = np.bincount(draws.ravel(), minlength=size * units)
        yield counts.reshape(size, units).astype(np.float64)
