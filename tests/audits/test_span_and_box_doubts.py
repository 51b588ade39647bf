"""How spans and boxes as given differ from likely ones, and in what way."""

import numpy as np
import pytest

from journeyman.evaluation.box_doubts import Chances, box_doubts, drawn_twice, reach_of
from journeyman.evaluation.span_doubts import span_doubts
from journeyman.types import LabelledBox, ScoredBox

WRONG = np.array([0.0, 0.9, 0.6, 0.2, 0.7])


@pytest.mark.parametrize(
    ("given", "likely", "kind", "score"),
    [
        ([], [(1, 3, "PER")], "missed entity", 0.9),
        ([(2, 4, "LOC")], [], "not an entity", 0.6),
        ([(3, 5, "LOC")], [(3, 5, "PER")], "wrong type", 0.7),
        ([(2, 4, "LOC")], [(2, 5, "LOC")], "wrong bounds", 0.7),
        ([(1, 4, "LOC")], [(2, 4, "LOC")], "wrong bounds", 0.9),
    ],
)
def test_a_difference_of_spans_has_its_kind_and_the_doubt_of_the_words_that_change(
    given, likely, kind, score
):
    same = (0, 1, "ORG")
    [doubt] = span_doubts([same, *given], [same, *likely], WRONG)
    assert (doubt.kind, doubt.score) == (kind, score)
    assert doubt.given == (given[0] if given else None)
    assert doubt.likely == (likely[0] if likely else None)


def test_spans_go_with_those_that_share_most_words_and_the_most_doubtful_comes_first():
    given, likely = [(0, 2, "A"), (3, 5, "B")], [(0, 1, "A"), (1, 5, "B")]
    first, second = span_doubts(given, likely, WRONG)
    assert (first.given, first.likely) in [((0, 2, "A"), (0, 1, "A")), ((3, 5, "B"), (1, 5, "B"))]
    assert {first.given, second.given} == set(given)
    assert first.score >= second.score


def at(x, label="cat", y=0.0, side=10.0, difficult=False):
    return LabelledBox((x, y, side, side), label, difficult)


def found(x, score, label="cat", side=10.0):
    return ScoredBox((x, 0.0, side, side), label, score)


@pytest.mark.parametrize(
    ("given", "seen", "kind"),
    [
        ([], [found(0, 0.9)], "missed object"),
        ([at(0)], [found(5, 0.9), found(0, 0.1)], "badly placed"),
        ([at(0, "dog")], [found(0, 0.9), found(1, 0.05, "dog")], "wrongly named"),
        ([at(0)], [found(60, 0.01)], "spurious box"),
    ],
)
def test_the_strongest_doubt_of_a_box_has_its_kind(given, seen, kind):
    first = box_doubts([at(100), *given], [found(100, 0.95), *seen], 0.9)[0]
    assert first.kind == kind
    assert first.score > 0.5
    assert first.given == (given[0] if given else None)


def test_boxes_that_were_found_where_they_are_given_are_not_doubted():
    doubts = box_doubts([at(0), at(40, "dog")], [found(1, 0.9), found(41, 0.8, "dog")], 0.9)
    assert max(doubt.score for doubt in doubts) < 0.5


def test_a_neighbour_that_is_given_is_no_witness_against_a_box():
    doubts = box_doubts([at(0), at(6)], [found(0, 0.9), found(6, 0.9)], 0.9)
    assert max(doubt.score for doubt in doubts) < 0.5


def test_difficult_boxes_are_left_alone_and_what_lies_in_them_is_not_missed():
    assert box_doubts([at(0, side=50, difficult=True)], [found(5, 0.9)], 0.9) == ()


def test_of_several_boxes_around_one_missed_thing_the_surest_is_told():
    [doubt] = box_doubts([], [found(0, 0.6, "dog"), found(1, 0.9)], 0.9)
    assert doubt.likely.label == "cat"


def test_chances_rise_with_scores_and_are_how_often_boxes_were_right():
    given = [[at(0)]] * 10
    seen = [[found(0 if turn < 8 else 60, 0.9), found(100, 0.1)] for turn in range(10)]
    values = Chances.of(seen, given)(np.array([0.1, 0.9]))
    assert values == pytest.approx([0.0, 0.8])
    assert Chances.of([[]], [[at(0)]])(np.array([0.7])).tolist() == [0.0]


def test_reach_is_the_share_of_given_boxes_that_are_found():
    assert reach_of([[found(0, 1.0)], []], [[at(0)], [at(0)]]) == 0.5
    assert reach_of([], []) == 0.0


def test_boxes_on_each_other_are_drawn_twice():
    assert drawn_twice([at(0), at(0.5, "dog"), at(8)]) == [(0, 1)]
