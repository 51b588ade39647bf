"""Paired comparison over test rows and seeds: which rows were right, drawn together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from journeyman.evaluation.intervals import Resampling, mean_metric, percentile_metric
from journeyman.types import Metric

RESAMPLES = Resampling(resamples=10_000)


def mean_over_rows(right: Sequence[Sequence[bool]]) -> Metric:
    """Accuracy, each row's averaged over the seeds, with an interval over rows."""
    return mean_metric(np.mean(np.array(right, dtype=np.float64), axis=0), resampling=RESAMPLES)


def paired(first: Mapping[int, Sequence[bool]], second: Mapping[int, Sequence[bool]]) -> Metric:
    """Accuracy of the first less the second over the seeds both have; an interval over rows."""
    return mean_metric(_differences(first, second).mean(axis=0), resampling=RESAMPLES)


def paired_with_seeds(
    first: Mapping[int, Sequence[bool]], second: Mapping[int, Sequence[bool]]
) -> Metric:
    """As `paired`, with seeds drawn anew as well as rows: what other seeds would have given."""
    differences = _differences(first, second)
    seeds, rows = differences.shape
    random = np.random.default_rng(RESAMPLES.seed)
    drawn = np.empty(RESAMPLES.resamples)
    for at in range(RESAMPLES.resamples):
        weights = np.bincount(random.integers(0, seeds, seeds), minlength=seeds)
        mixed = weights @ differences / seeds
        drawn[at] = mixed[random.integers(0, rows, rows)].mean()
    return percentile_metric(float(differences.mean()), drawn, rows)


def _differences(
    first: Mapping[int, Sequence[bool]], second: Mapping[int, Sequence[bool]]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    shared = sorted(set(first) & set(second))
    if not shared:
        raise SystemExit("the two sides have no seed in common")
    one, other = (np.array([side[s] for s in shared], dtype=np.float64) for side in (first, second))
    difference: np.ndarray[tuple[int, int], np.dtype[np.float64]] = one - other
    return difference
