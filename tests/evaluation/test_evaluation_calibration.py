from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from journeyman.evaluation.calibration import (
    calibration_error,
    calibration_report,
    fit_platt,
    fit_temperature,
    negative_log_likelihood,
    probabilities,
    reliability_curve,
)
from journeyman.evaluation.intervals import Resampling

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60, database=None)
FEW = Resampling(50)


def sample(rows, seed=0, classes=4):
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (rows, classes))
    chances = softmax(logits, axis=1).cumsum(axis=1)
    truths = np.minimum((random.random((rows, 1)) > chances).sum(axis=1), classes - 1)
    return logits, truths


@pytest.mark.parametrize("scale", [0.01, 0.3, 1.0, 5.0, 200.0])
def test_temperature_undoes_a_wrong_scale(scale):
    logits, truths = sample(6000)
    temperature = fit_temperature(logits * scale, truths)
    assert temperature == pytest.approx(scale, rel=0.08)


def test_report_before_and_after():
    logits, truths = sample(6000)
    report = calibration_report(logits[:3000] * 4, truths[:3000], logits[3000:] * 4, truths[3000:])
    assert report.temperature == pytest.approx(4, rel=0.1)
    assert report.ece_before.low > 0.1
    assert report.ece_after.high < 0.05
    assert report.nll_after < report.nll_before
    assert sum(point.rows for point in report.curve_after) == 3000


@PROPERTY
@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=20))
def test_temperature_is_finite_positive_and_never_worse_than_smoothed_start(rows):
    scores = np.array(rows, dtype=float)
    truths = np.arange(len(rows)) % 3
    temperature = fit_temperature(scores, truths)
    assert 0 < temperature < np.inf
    chances = probabilities(scores, temperature)
    assert np.isfinite(chances).all()
    assert chances.sum(axis=1) == pytest.approx(1)
    assert negative_log_likelihood(scores, truths, temperature) >= 0


def test_perfect_constant_and_empty_scores_do_not_break_it():
    perfect = np.eye(3)[np.arange(300) % 3] * 10
    temperature = fit_temperature(perfect, np.arange(300) % 3)
    chance = probabilities(perfect, temperature).max(axis=1)[0]
    assert chance == pytest.approx(1 - 1 / 302, abs=1e-4)
    assert fit_temperature(np.ones((5, 3)), [0, 1, 2, 0, 1]) == 1
    assert fit_temperature(np.empty((0, 3)), []) == 1
    assert fit_temperature(np.ones((4, 1)), [0] * 4) == 1


def test_scores_worse_than_chance_become_nearly_even():
    wrong = np.eye(2)[np.arange(100) % 2] * 5
    chances = probabilities(wrong, fit_temperature(wrong, 1 - np.arange(100) % 2))
    assert chances == pytest.approx(0.5, abs=0.01)


def test_bad_shapes_and_values_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        fit_temperature(np.ones((3, 2)), [0, 1])
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.array([[np.inf, 0.0]]), [0])


def test_error_of_known_bins():
    confidence = np.array([0.9] * 10 + [0.5] * 10)
    correct = np.array([1] * 8 + [0] * 2 + [1] * 6 + [0] * 4)
    for adaptive in (False, True):
        metric = calibration_error(confidence, correct, adaptive=adaptive)
        assert metric.value == pytest.approx(0.1)
    points = reliability_curve(confidence, correct)
    assert [(p.confidence, p.accuracy, p.rows) for p in points] == [
        (pytest.approx(0.5), 0.6, 10),
        (pytest.approx(0.9), 0.8, 10),
    ]


@PROPERTY
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40), st.booleans())
def test_error_is_bounded_and_at_least_the_overall_gap(rows, adaptive):
    confidence, correct = np.array([a for a, _ in rows]), np.array([b for _, b in rows])
    metric = calibration_error(confidence, correct, adaptive=adaptive, resampling=FEW)
    gap = abs(correct.mean() - confidence.mean())
    assert gap - 1e-9 <= metric.value <= 1
    assert 0 <= metric.low <= metric.value <= metric.high <= 1
    backwards = calibration_error(confidence[::-1], correct[::-1], adaptive=adaptive)
    assert backwards.value == pytest.approx(metric.value)


def test_platt_recovers_slope_and_shift_and_leaves_one_sided_labels_alone():
    random = np.random.default_rng(0)
    scores = random.normal(0, 2, (5000, 3))
    truths = (random.random((5000, 3)) < expit(0.5 * scores - 1)).astype(float)
    truths[:, 2] = 0
    platt = fit_platt(scores, truths)
    assert platt.slopes[:2] == pytest.approx((0.5, 0.5), abs=0.05)
    assert platt.intercepts[:2] == pytest.approx((-1, -1), abs=0.1)
    assert (platt.slopes[2], platt.intercepts[2]) == (1, 0)
    assert platt.probabilities(scores)[:, 0].mean() == pytest.approx(truths[:, 0].mean(), abs=0.01)


def test_platt_of_perfect_constant_and_inverted_scores_is_finite_and_keeps_order():
    truths = (np.arange(40) % 2)[:, None].astype(float)
    for scores in (truths * 2 - 1, np.full((40, 1), 3.0), 1 - truths):
        platt = fit_platt(scores, truths)
        assert np.isfinite([*platt.slopes, *platt.intercepts]).all()
        assert platt.slopes[0] >= 0
        assert np.isfinite(platt.probabilities(scores)).all()
