"""Pairs of rows: error rates of known scores, intervals over people, thresholds for any rate."""

import math

import numpy as np
import pytest

from journeyman.errors import JourneymanError
from journeyman.evaluation.acceptance import SHARE, Acceptance, check_rate
from journeyman.evaluation.verification import (
    MOST_ROWS,
    Pairs,
    curve,
    identified,
    pairs_of,
    roc_points,
    verification_metrics,
    verification_score,
)


def known(genuine, impostors):
    """Pairs with these scores, of two people."""
    scores = np.array([*genuine, *impostors], dtype=float)
    same = np.arange(len(scores)) < len(genuine)
    order = np.argsort(-scores, kind="stable")
    first = np.zeros(len(scores), dtype=np.intp)
    return Pairs(scores[order], same[order], first, np.where(same, 0, 1)[order], 2)


def people(count, rows, noise, seed=0):
    draw = np.random.default_rng(seed)
    names = np.repeat(np.arange(count), rows)
    centres = draw.normal(size=(count, 8))
    return centres[names] + noise * draw.normal(size=(len(names), 8)), [f"p{n}" for n in names]


@pytest.mark.parametrize(
    ("genuine", "impostors", "error", "area"),
    [
        ([0.9, 0.8, 0.7, 0.6], [0.5, 0.4, 0.3, 0.2], 0.0, 1.0),
        ([0.5, 0.4, 0.3, 0.2], [0.9, 0.8, 0.7, 0.6], 1.0, 0.0),
        ([0.9, 0.8, 0.7, 0.3], [0.6, 0.4, 0.2, 0.1], 0.25, 14 / 16),
        ([0.5, 0.5], [0.5, 0.5], 0.5, 0.5),
        ([0.9, 0.2], [0.5, 0.1], 0.5, 0.75),
    ],
)
def test_error_and_area_of_known_scores(genuine, impostors, error, area):
    found = curve(known(genuine, impostors))
    assert found.equal_error[0] == pytest.approx(error)
    assert found.area[0] == pytest.approx(area)


def test_true_accepts_at_a_rate_are_those_above_the_allowed_false_ones():
    impostors = np.linspace(0, 0.6, 100)
    found = curve(known([0.9, 0.65, 0.597, 0.1], impostors))
    assert found.true_at(0.0)[0] == 0.5
    assert found.true_at(0.009)[0] == 0.5
    assert found.true_at(0.01)[0] == 0.75
    assert found.true_at(1.0)[0] == 1.0


def test_every_pair_counts_once_and_a_length_does_not():
    vectors = np.array([[2.0, 0.0], [5.0, 0.0], [0.0, 1.0]])
    found = pairs_of(vectors, ["a", "a", "b"])
    assert found.scores.tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert found.same.tolist() == [True, False, False]


def test_a_person_drawn_twice_weighs_twice_with_themselves_and_fourfold_with_another():
    found = pairs_of(np.eye(4), ["a", "a", "b", "b"])
    weights = found.weights(np.array([[2.0, 2.0], [2.0, 0.0]]))
    assert sorted(weights[0].tolist()) == [2.0, 2.0, 4.0, 4.0, 4.0, 4.0]
    assert weights[1].sum() == 2.0


def test_intervals_are_over_people():
    few, many = people(6, 20, 0.9), people(60, 2, 0.9)
    wide = verification_metrics(*few)["auc"]
    narrow = verification_metrics(*many)["auc"]
    assert wide.low < wide.value < wide.high
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)


def test_metrics_agree_with_scores_and_with_a_threshold():
    vectors, names = people(12, 6, 0.7)
    found = verification_metrics(vectors, names, threshold=0.6)
    pairs = pairs_of(vectors, names)
    assert found["false_accepts"].value == pytest.approx((pairs.impostors >= 0.6).mean())
    assert found["false_rejects"].value == pytest.approx((pairs.genuine < 0.6).mean())
    for name in ("auc", "true_accept_at_1e-2", "rank_1"):
        assert verification_score(vectors, names, name) == pytest.approx(found[name].value)
    assert {metric.n for metric in found.values()} == {72}


def test_the_first_half_is_enrolled_and_the_rest_goes_to_the_likest():
    vectors = np.array([[1, 0], [0.9, 0.1], [0.1, 1], [0, 1], [0.2, 1], [1, 0.1]], dtype=float)
    met, owner = identified(vectors, ["a", "a", "a", "b", "b", "b"])
    assert owner.tolist() == [0, 0, 1, 1]
    assert met.tolist() == [True, False, True, False]
    assert not len(identified(vectors[:2], ["a", "a"])[0])


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"], ["a", "b"]])
def test_no_pair_of_a_kind_is_no_number(names):
    vectors = np.eye(2)[: len(names)]
    found = verification_metrics(vectors, names, threshold=0.5)
    assert found["equal_error_rate"].value is None
    assert verification_score(vectors, names, "auc") == 0.0
    assert roc_points(pairs_of(vectors, names)) == []


def test_of_many_rows_whole_people_are_compared():
    vectors, names = people(MOST_ROWS // 5, 10, 0.5)
    found = pairs_of(vectors, names)
    assert found.same.sum() == MOST_ROWS // 10 * 45


def test_the_curve_for_a_chart_rises():
    points = roc_points(pairs_of(*people(10, 5, 0.8)))
    shares = [point["true_accepts"] for point in points]
    assert shares == sorted(shares)
    assert points[-1] == {"false_accepts": 1.0, "true_accepts": 1.0}


def test_a_threshold_lets_its_rate_through_where_it_was_seen_and_beyond():
    draw = np.random.default_rng(0)
    found = Acceptance.of(draw.normal(0.8, 0.1, 500), draw.exponential(0.1, 4000))
    fresh = draw.exponential(0.1, 400_000)
    for rate in (0.1, 0.01, 0.001):
        passed = (fresh >= found.threshold(rate)).mean()
        assert passed == pytest.approx(rate, rel=0.4)
    assert found.threshold(1e-5) > fresh[:10_000].max() - 0.1
    again = Acceptance.from_json(found.to_json())
    assert again == found


def test_log_odds_are_those_of_two_normal_distributions():
    draw = np.random.default_rng(1)
    found = Acceptance.of(draw.normal(0.7, 0.1, 20_000), draw.normal(0.2, 0.1, 20_000))
    assert float(found.log_odds(np.array(0.45))) == pytest.approx(0.0, abs=0.3)
    gain = found.log_odds(np.array([0.7])) - found.log_odds(np.array([0.2]))
    assert float(gain[0]) == pytest.approx(0.5 * 0.5 / 0.01, rel=0.05)


def test_too_few_pairs_have_no_threshold():
    assert Acceptance.of(np.ones(5), np.zeros(3)) is None
    assert Acceptance.of(np.ones(1), np.zeros(30)) is None


@pytest.mark.parametrize("rate", [0.0, -1.0, SHARE * 1.01, math.nan])
def test_a_rate_that_has_no_threshold_is_refused(rate):
    with pytest.raises(JourneymanError) as caught:
        check_rate(rate)
    assert caught.value.place == "false_accepts"
    assert check_rate(0.001) == 0.001
