from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from journeyman.evaluation.intervals import Resampling
from journeyman.evaluation.regression import (
    conformal_half_width,
    evaluate_regression,
    interval_coverage,
    pearson_metric,
)

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60, database=None)
FEW = Resampling(50)
number = st.integers(-40, 40).map(lambda value: value / 8)
pairs = st.lists(st.tuples(number, number), min_size=3, max_size=40)


@PROPERTY
@given(pairs)
def test_agrees_with_scipy_and_scikit_learn(rows):
    true, found = np.array(rows).T
    assume(true.std() > 0 and found.std() > 0)
    result = evaluate_regression(true, found, resampling=FEW)
    assert result["pearson"].value == pytest.approx(stats.pearsonr(true, found)[0], abs=1e-9)
    assert result["spearman"].value == pytest.approx(stats.spearmanr(true, found)[0], abs=1e-9)
    assert result["mae"].value == pytest.approx(sk.mean_absolute_error(true, found))
    assert result["rmse"].value == pytest.approx(sk.root_mean_squared_error(true, found))
    assert result["r2"].value == pytest.approx(sk.r2_score(true, found))
    for name in ("pearson", "spearman"):
        assert -1 <= result[name].low <= result[name].value <= result[name].high <= 1
    assert 0 <= result["mae"].value <= result["rmse"].value + 1e-12


def test_spearman_of_resamples_ranks_the_resample():
    random = np.random.default_rng(0)
    true = random.integers(0, 6, 60).astype(float)
    found = true + random.integers(-3, 4, 60)
    metric = evaluate_regression(true, found)["spearman"]
    draws = np.random.default_rng(9).integers(0, 60, (1000, 60))
    slow = [stats.spearmanr(true[rows], found[rows])[0] for rows in draws]
    assert (metric.low, metric.high) == pytest.approx(np.percentile(slow, [2.5, 97.5]), abs=0.03)


def test_correlation_survives_a_large_offset_and_ignores_scale():
    random = np.random.default_rng(1)
    true = random.normal(size=200)
    found = true + random.normal(size=200)
    expected = stats.pearsonr(true, found)[0]
    assert pearson_metric(true + 1e6, found + 1e6).value == pytest.approx(expected, abs=1e-8)
    assert pearson_metric(true, 7 * found - 3).value == pytest.approx(expected)


def test_what_does_not_vary_has_no_correlation():
    result = evaluate_regression([0.1, 0.1, 0.1], [1.0, 2.0, 3.0])
    assert [result[name].value for name in ("pearson", "spearman", "r2")] == [None] * 3
    assert result["mae"].value == pytest.approx(1.9)
    assert evaluate_regression([], [])["rmse"].value is None


def test_values_that_are_not_finite_or_do_not_pair_are_refused():
    with pytest.raises(ValueError, match="finite"):
        evaluate_regression([0.0, float("nan")], [0.0, 1.0])
    with pytest.raises(ValueError, match="differ"):
        evaluate_regression([0.0], [0.0, 1.0])


def test_conformal_interval_keeps_its_promise_on_new_rows():
    random = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        width = conformal_half_width(random.standard_t(3, 49), 0.9)
        covered.append((np.abs(random.standard_t(3, 200)) <= width).mean())
    assert 0.89 <= np.mean(covered) <= 0.92


@pytest.mark.parametrize(("rows", "expected"), [(8, None), (9, 9.0), (19, 18.0), (99, 90.0)])
def test_conformal_rank(rows, expected):
    residuals = [(-1) ** value * value for value in range(1, rows + 1)]
    assert conformal_half_width(residuals) == expected


def test_interval_coverage_counts_the_rows_inside():
    metric = interval_coverage([0, 1, 2, 3], [0, 0, 0, 0], 1.0)
    assert metric.value == 0.5
    with pytest.raises(ValueError, match="between 0 and 1"):
        conformal_half_width([1.0], 1.0)
