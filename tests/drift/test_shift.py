"""The windowed test of a shift: what it sees, and what it must not."""

import numpy as np
import pytest

from journeyman.drift.coordinates import Coordinates
from journeyman.drift.error_estimate import ErrorEstimate, Threshold
from journeyman.drift.moved import Shares, moved
from journeyman.drift.shift import Normal, Shift


def rows(count, width=20, move=0.0, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width)) + move


def shift(width=20, count=500):
    usual = rows(count, width, seed=9)
    coordinates = Coordinates.of(usual)
    return coordinates, Shift(Normal.of(coordinates.place(usual)))


def test_usual_rows_are_round_in_their_coordinates():
    usual = rows(400) * np.linspace(1, 50, 20)
    placed = Coordinates.of(usual).place(usual)
    assert np.abs(placed.mean(axis=0)).max() < 1e-9
    assert placed.std(axis=0, ddof=1) == pytest.approx(np.ones(placed.shape[1]))


def test_few_rows_give_few_coordinates_and_equal_rows_give_none_that_mean_anything():
    assert Coordinates.of(rows(40)).count == 5
    same = Coordinates.of(np.ones((50, 4)))
    assert not same.place(np.ones((3, 4))).any()


def test_rows_one_by_one_and_all_at_once_give_the_same():
    coordinates, whole = shift()
    _, single = shift()
    placed = coordinates.place(rows(333, move=0.1))
    at_once = whole.update(placed)
    each = np.concatenate([single.update(placed[at : at + 1]) for at in range(333)])
    assert at_once == pytest.approx(each)
    assert len(at_once) == 66
    assert len(whole.rest) == 3


def test_rows_of_the_same_kind_stay_near_nought_and_a_shift_does_not():
    coordinates, one = shift()
    calm = one.update(coordinates.place(rows(3000)))
    assert abs(calm[200:].mean()) < 2
    assert calm.max() < 8
    moved_on = one.update(coordinates.place(rows(200, move=1.0, seed=3)))
    assert moved_on[-1] > 100


def test_one_burst_of_neighbours_raises_it_less_than_rows_that_stay():
    coordinates, one = shift()
    one.update(coordinates.place(rows(400)))
    burst = one.update(coordinates.place(np.concatenate([rows(50, move=2.0), rows(300, seed=5)])))
    assert burst.max() < 8
    lasting = one.update(coordinates.place(rows(200, move=2.0, seed=6)))
    assert lasting.max() > 200


def test_alike_neighbours_do_not_look_like_a_shift():
    """Runs of 20 rows that share a part of their place: the mean of a window varies far more."""
    coordinates, one = shift()
    draw = np.random.default_rng(2)
    runs = np.repeat(draw.normal(size=(200, 20)), 20, axis=0)
    found = one.update(coordinates.place(0.7 * runs + 0.7 * rows(4000)))
    naive = coordinates.place(0.7 * runs + 0.7 * rows(4000)).reshape(20, 200, -1).mean(axis=1)
    assert (naive**2).sum(axis=1).mean() * 200 > 5 * coordinates.count
    assert abs(found[200:].mean()) < 3


def test_it_goes_on_where_it_was_kept_and_does_not_grow():
    coordinates, one = shift()
    one.update(coordinates.place(rows(5003)))
    assert len(one.sums) == 160
    again = Shift.restored(one.tensors())
    new = coordinates.place(rows(100, seed=4))
    assert again.update(new).tolist() == one.update(new).tolist()


def test_a_known_normal_is_near_and_another_is_far():
    coordinates, one = shift()
    assert one.distance(one.normal) == float("inf")
    one.update(coordinates.place(rows(200, move=1.0)))
    there = Normal.of(coordinates.place(rows(300, move=1.0, seed=8)))
    assert one.distance(there) < 10 < one.distance(one.normal)


def test_errors_are_estimated_from_how_sure_answers_are():
    draw = np.random.default_rng(0)
    sure = draw.uniform(0.4, 1.0, 5000)
    wrong = draw.random(5000) > sure
    threshold = Threshold.of(sure, wrong)
    estimate = ErrorEstimate(threshold)
    estimate.update(draw.uniform(0.4, 1.0, 200))
    assert estimate.now().value == pytest.approx(wrong.mean(), abs=0.08)
    estimate.update(draw.uniform(0.4, 0.6, 200))
    now = estimate.now()
    assert now.n == 200
    assert now.low < now.value
    assert now.value > 0.8


def test_no_rows_have_no_estimate():
    assert ErrorEstimate(Threshold.of(np.zeros(0), np.zeros(0, dtype=bool))).now().value is None


def test_the_slice_that_moved_is_named_and_what_says_each_row_is_not():
    before, now = Shares(), Shares()
    before.add([{"place": "paris", "id": f"row{at}", "note": "x" * 50} for at in range(100)])
    now.add([{"place": ("paris", "london")[at % 2], "id": f"new{at}"} for at in range(100)])
    first, second = moved(before, now)
    assert {first.value, second.value} == {"paris", "london"}
    assert first.column == "place"
    assert str(second if second.value == "london" else first).endswith("0% before, 50% now")
    assert moved(before, before) == []
