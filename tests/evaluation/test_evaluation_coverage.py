from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.evaluation.coverage import (
    answered,
    coverage_curve,
    risk_coverage_area,
    threshold_for_accuracy,
)

PROPERTY = settings(derandomize=True, deadline=None, max_examples=80, database=None)
rows = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=1)


def split(pairs):
    return [a for a, _ in pairs], [b for _, b in pairs]


@PROPERTY
@given(rows, st.randoms(use_true_random=False))
def test_curve_rises_to_full_coverage_and_ignores_order(pairs, random):
    curve = coverage_curve(*split(pairs))
    shares = [point["coverage"] for point in curve]
    assert shares == sorted(set(shares))
    assert curve[-1]["coverage"] == 1
    assert curve[-1]["accuracy"] == pytest.approx(np.mean(split(pairs)[1]))
    assert all(0 <= point["accuracy"] <= 1 for point in curve)
    shuffled = split(random.sample(pairs, len(pairs)))
    assert coverage_curve(*shuffled) == curve
    assert risk_coverage_area(*shuffled) == pytest.approx(risk_coverage_area(*split(pairs)))


@PROPERTY
@given(rows, st.integers(0, 24).map(lambda share: share / 24))
def test_threshold_reaches_the_target_and_no_lower_one_does(pairs, target):
    confidence, correct = split(pairs)
    threshold = threshold_for_accuracy(confidence, correct, target)
    reached = {
        level for level in confidence if np.mean([b for a, b in pairs if a >= level]) >= target
    }
    assert threshold == (min(reached) if reached else None)
    if threshold is not None:
        assert answered(confidence, correct, threshold).accuracy.value >= target


def test_area_of_a_good_and_a_bad_order():
    correct = [True, True, False]
    assert risk_coverage_area([3, 2, 1], correct) == pytest.approx((0 + 0 + 1 / 3) / 3)
    assert risk_coverage_area([1, 2, 3], correct) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert risk_coverage_area([1, 1, 1], correct) == pytest.approx(1 / 3)
    assert risk_coverage_area([], []) is None


def test_long_curves_are_thinned_but_end_at_one():
    random = np.random.default_rng(0)
    curve = coverage_curve(random.random(20_000), random.random(20_000) < 0.8)
    assert len(curve) == 100
    assert curve[-1]["coverage"] == 1
    assert coverage_curve([], []) == []


def test_answered_counts_what_is_left():
    result = answered([0.9, 0.8, 0.1, 0.2], [1, 0, 0, 0], 0.8, groups=["a", "b", "c", "c"])
    assert (result.coverage.value, result.accuracy.value, result.accuracy.n) == (0.5, 0.5, 2)
    assert answered([0.1], [1], 0.5).accuracy.value is None
