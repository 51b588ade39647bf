from __future__ import annotations

import numpy as np
import pytest

from journeyman.evaluation.classification import accuracy_score, classification_metrics
from journeyman.evaluation.rater import compare_raters, draw_raters, label_values
from journeyman.evaluation.regression import evaluate_regression
from journeyman.evaluation.significance import compare_classification, compare_regression
from journeyman.evaluation.slices import evaluate_slices


def noisy(labels, share, random):
    return [label if random.random() < share else "abc"[random.integers(3)] for label in labels]


def test_pairing_finds_a_small_difference_that_separate_intervals_hide():
    random = np.random.default_rng(0)
    truth = ["abc"[i] for i in random.integers(0, 3, 2000)]
    second = noisy(truth, 0.7, random)
    first = [
        true if random.random() < 0.03 else given for true, given in zip(truth, second, strict=True)
    ]
    apart = [classification_metrics(truth, side)["accuracy"] for side in (first, second)]
    assert apart[0].low < apart[1].high
    difference = compare_classification(truth, first, second)
    expected = accuracy_score(truth, first) - accuracy_score(truth, second)
    assert difference["accuracy"].value == pytest.approx(expected)
    assert difference["accuracy"].low > 0
    assert difference["macro_f1"].low > 0


def test_a_system_is_no_better_than_itself():
    truth = ["a", "b", "a", "b"]
    metric = compare_classification(truth, ["a", "a", "a", "b"], ["a", "a", "a", "b"])["macro_f1"]
    assert (metric.value, metric.low, metric.high) == (0, 0, 0)


def test_swapping_the_systems_turns_the_sign():
    random = np.random.default_rng(1)
    truth = random.normal(size=300)
    good, bad = truth + random.normal(0, 0.5, 300), truth + random.normal(0, 2, 300)
    one, other = compare_regression(truth, good, bad), compare_regression(truth, bad, good)
    for name in ("pearson", "mae", "rmse", "r2"):
        assert one[name].value == pytest.approx(-other[name].value)
        assert one[name].low == pytest.approx(-other[name].high)
    parts = [evaluate_regression(truth, side)["rmse"].value for side in (good, bad)]
    assert one["rmse"].value == pytest.approx(parts[0] - parts[1])


def test_the_drawn_rater_is_left_out_of_the_truth():
    ratings = [[1, 2, 3], [0], [4, -4], []]
    draw = draw_raters(ratings, seed=5)
    assert list(draw.rows) == [0, 2]
    for row, rating, truth in zip(draw.rows, draw.ratings, draw.truths, strict=True):
        others = list(ratings[row])
        others.remove(rating)
        assert truth == pytest.approx(np.mean(others))
    assert np.array_equal(draw_raters(ratings, seed=5).truths, draw.truths)


def test_raters_are_all_drawn():
    drawn = {float(draw_raters([[0, 1, 2, 3]], seed=seed).ratings[0]) for seed in range(60)}
    assert drawn == {0, 1, 2, 3}


def test_model_and_human_meet_the_same_truth():
    random = np.random.default_rng(0)
    means = random.uniform(-3, 3, 400)
    ratings = [list(np.round(mean + random.normal(0, 1.5, 10))) for mean in means]
    result = compare_raters(ratings, model_labels=label_values(means), model_values=means)
    assert result.rows == 400
    assert result.model["macro_f1"].value > result.human["macro_f1"].high
    assert result.model["pearson"].value > result.human["pearson"].high
    assert 0.6 < result.human["pearson"].value < 0.85
    assert compare_raters([[1, 1]] * 3 + [[2]]).human["accuracy"].value == 1


def test_thresholds_are_inclusive():
    labels = ["negative", "neutral", "neutral", "positive"]
    assert label_values([-0.5, -0.49, 0.49, 0.5]) == labels
    assert label_values([1, 2, 3], (1, 3), ("low", "mid", "high")) == ["low", "mid", "high"]


def test_slices_hold_the_metrics_of_their_own_rows():
    truth = ["a"] * 60
    found = ["a"] * 30 + ["b"] * 30
    columns = {"domain": ["x"] * 30 + ["y"] * 25 + [None] * 5, "empty": [None] * 60}

    def measure(rows):
        return classification_metrics([truth[i] for i in rows], [found[i] for i in rows])

    slices = evaluate_slices(columns, measure)
    assert list(slices["domain"]) == ["x", "y"]
    assert slices["domain"]["x"]["accuracy"].value == 1
    assert slices["domain"]["y"]["accuracy"].value == 0
    assert slices["domain"]["y"]["accuracy"].n == 25
    assert list(slices["empty"]) == [""]
    assert list(evaluate_slices(columns, measure, minimum_rows=1)["domain"]) == ["x", "y", ""]
    assert list(evaluate_slices(columns, measure, maximum_values=1)["domain"]) == ["x"]
