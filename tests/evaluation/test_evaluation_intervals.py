from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import norm

from journeyman.evaluation.classification import evaluate_classification
from journeyman.evaluation.intervals import (
    Resampling,
    additive_metrics,
    mean_metric,
    percentile_metric,
    resampled_metrics,
)


def test_interval_of_a_mean_is_the_textbook_one():
    values = np.random.default_rng(3).normal(2, 5, 4000)
    metric = mean_metric(values)
    half = norm.ppf(0.975) * values.std() / np.sqrt(len(values))
    assert metric.value == pytest.approx(values.mean())
    assert metric.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert metric.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert metric.n == 4000


def test_interval_covers_the_truth_about_19_times_in_20():
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        metric = mean_metric(random.random(80) < 0.7, resampling=Resampling(300, seed))
        covered += metric.low <= 0.7 <= metric.high
    assert 180 <= covered <= 199


def test_groups_that_repeat_themselves_widen_the_interval():
    values = np.repeat(np.random.default_rng(1).normal(size=100), 25)
    groups = np.repeat(np.arange(100), 25)
    alone, grouped = mean_metric(values), mean_metric(values, groups=groups)
    assert alone.value == pytest.approx(grouped.value)
    ratio = (grouped.high - grouped.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(5, rel=0.15)


def test_one_group_a_row_is_the_same_as_no_groups():
    values = np.random.default_rng(2).random(50)
    assert mean_metric(values) == mean_metric(values, groups=[f"g{i}" for i in range(50)])


def test_same_seed_same_interval_and_another_seed_another():
    values = np.random.default_rng(2).random(300)
    first = mean_metric(values, resampling=Resampling(seed=1))
    assert first == mean_metric(values, resampling=Resampling(seed=1))
    assert first != mean_metric(values, resampling=Resampling(seed=2))


def test_weights_of_every_resample_add_up_and_none_is_kept_out():
    seen = []

    def measure(weights):
        seen.append(weights.sum(axis=1))
        return weights[:, :1]

    resampled_metrics(measure, 30, resampling=Resampling(200))
    drawn = np.concatenate(seen[1:])
    assert len(drawn) == 200
    assert (drawn == 30).all()


def test_many_rows_are_drawn_in_blocks_without_losing_resamples():
    rows = 3_000_000
    metric = mean_metric(np.ones(rows), resampling=Resampling(3))
    assert (metric.value, metric.low, metric.high, metric.n) == (1, 1, 1, rows)


def test_nothing_to_measure_is_none():
    assert mean_metric([]).to_json() == {"value": None, "low": None, "high": None, "n": 0}


def test_one_row_or_one_group_has_a_value_but_no_interval():
    assert (mean_metric([0.5]).value, mean_metric([0.5]).low) == (0.5, None)
    assert mean_metric([0.0, 1.0], groups=["a", "a"]).high is None


def test_undefined_resamples_are_left_out_and_an_undefined_value_is_none():
    metric = percentile_metric(0.5, np.array([0.4, np.nan, 0.6]), 3)
    assert 0.4 <= metric.low <= 0.5 <= metric.high <= 0.6
    assert percentile_metric(float("nan"), np.array([0.4]), 3).value is None


def test_interval_holds_the_value_where_resampling_is_biased():
    metric = percentile_metric(0.0, np.array([0.1, 0.2, 0.3]), 3)
    assert metric.low == 0.0


def test_group_ids_must_fit_the_rows():
    with pytest.raises(ValueError, match="2 group ids for 3 rows"):
        additive_metrics(np.ones((3, 1)), lambda sums: sums, groups=["a", "b"])


def test_twenty_thousand_rows_and_77_classes_take_about_a_second():
    random = np.random.default_rng(0)
    true = random.integers(0, 77, 20_000)
    found = np.where(random.random(20_000) < 0.8, true, random.integers(0, 77, 20_000))
    began = time.process_time()
    evaluate_classification([f"{i}" for i in true], [f"{i}" for i in found])
    assert time.process_time() - began < 4
