"""Each box has one verdict: the kinds of error a person would name."""

import numpy as np
import pytest
from detection_samples import found_box, random_boxes, true_box

from journeyman.evaluation.box_overlap import overlaps
from journeyman.evaluation.box_verdicts import verdicts


def kinds(found, true):
    return [each.kind for each in verdicts(found, true)]


def test_boxes_overlap_by_their_union_and_difficult_ones_by_the_part_within():
    boxes = [(0, 0, 10, 10), (5, 0, 10, 10), (50, 50, 1, 1)]
    shares = overlaps(boxes, [boxes[0], (0, 0, 20, 20)], [False, True])
    np.testing.assert_allclose(shares, [[1, 1], [1 / 3, 1], [0, 0]])
    assert overlaps([], boxes, [False] * 3).shape == (0, 3)
    assert overlaps(boxes, [], []).shape == (3, 0)


TRUE = [true_box((10, 10, 50, 40))]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([found_box((12, 10, 50, 40))], ["correct"]),
        ([found_box((12, 10, 50, 40), "b")], ["wrong label"]),
        ([found_box((40, 10, 50, 40))], ["wrong bounds"]),
        ([found_box((40, 10, 50, 40), "b")], ["spurious", "missed"]),
        ([found_box((58, 10, 50, 40))], ["spurious", "missed"]),
        ([found_box((200, 200, 9, 9))], ["spurious", "missed"]),
        ([], ["missed"]),
        ([found_box((12, 10, 50, 40), score=0.4), found_box((9, 10, 50, 40))],
         ["correct", "found twice"]),
        ([found_box((12, 10, 50, 40), "b", 0.95), found_box((9, 10, 50, 40))],
         ["spurious", "correct"]),
    ],
)  # fmt: skip
def test_a_box_is_right_or_wrong_in_one_way(found, expected):
    assert kinds(found, TRUE) == expected


def test_no_verdict_is_on_difficult_boxes():
    hard = [true_box((10, 10, 50, 40), difficult=True)]
    assert kinds([found_box((20, 20, 10, 10))], hard) == []
    assert kinds([], hard) == []
    assert kinds([found_box((12, 10, 50, 40), "b")], hard) == ["spurious"]
    assert kinds([found_box((12, 10, 50, 40))], [*TRUE, *hard]) == ["correct"]


def test_a_verdict_says_which_boxes_it_is_about():
    first, second = true_box((10, 10, 50, 40)), true_box((14, 10, 50, 40))
    found = [found_box((14, 10, 50, 40), score=0.2), found_box((12, 10, 50, 40), score=0.9)]
    by_score = verdicts(found, [first, second])
    assert [each.found for each in by_score] == found[::-1]
    assert {each.true for each in by_score} == {first, second}
    assert by_score[0].overlap == pytest.approx(48 / 52)


def test_every_box_that_counts_is_told_of_once():
    for found, true in zip(*random_boxes(60, seed=2), strict=True):
        told = verdicts(found, true)
        named = [each.found for each in told if each.found is not None]
        assert len(named) == len(set(map(id, named)))
        held = [e.true for e in told if e.true is not None and e.kind != "found twice"]
        assert sorted(map(id, held)) == sorted(id(box) for box in true if not box.difficult)
