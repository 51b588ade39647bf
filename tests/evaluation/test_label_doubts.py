"""Labels that a model doubts: which, how many, and how often guesses meet the true ones."""

import numpy as np
import pytest

from journeyman.evaluation.label_doubts import UNKNOWN, LabelDoubts


def noisy(rows=4000, share=0.3, sure=4.0, classes=4, seed=0):
    """True classes, given ones of which `share` are wrong (more often 1 for 0 than others), and
    probabilities of the given class by someone who sees the true class through noise."""
    draw = np.random.default_rng(seed)
    true = draw.integers(0, classes, rows)
    wrong = draw.random(rows) < share
    other = (true + draw.integers(1, classes, rows)) % classes
    other[(true == 0) & (draw.random(rows) < 0.7)] = 1
    given = np.where(wrong, other, true)
    scores = sure * np.eye(classes)[true] + draw.normal(0, 1, (rows, classes))
    chances = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return true, given, chances


def test_wrong_labels_are_found_and_right_ones_left():
    true, given, chances = noisy()
    doubts = LabelDoubts.of(chances, given)
    wrong = given != true
    assert wrong[doubts.suspect].mean() > 0.9
    assert doubts.suspect[wrong].mean() > 0.8
    assert (doubts.likely[doubts.suspect] == true[doubts.suspect]).mean() > 0.9
    assert doubts.confidence[wrong].mean() < 0.2 < 0.7 < doubts.confidence[~wrong].mean()


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_the_share_of_wrong_labels_is_estimated(share):
    true, given, chances = noisy(share=share)
    assert LabelDoubts.of(chances, given).noise == pytest.approx((given != true).mean(), abs=0.03)


def test_an_example_by_hand():
    chances = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.85, 0.15], [0.45, 0.55]])
    given = np.array([0, 0, 1, 1, 0])
    # Thresholds: (0.9 + 0.7 + 0.45) / 3 = 0.683 and (0.8 + 0.15) / 2 = 0.475.
    doubts = LabelDoubts.of(chances, given)
    assert doubts.likely.tolist() == [0, 0, 1, 0, 1]
    assert doubts.suspect.tolist() == [False, False, False, True, True]
    assert doubts.confidence.tolist() == [0.9, 0.7, 0.8, 0.15, 0.45]
    assert doubts.joint == pytest.approx(np.array([[0.4, 0.2], [0.2, 0.2]]))
    assert doubts.noise == pytest.approx(0.4)


def test_where_no_class_is_credible_the_given_one_stands():
    chances = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.34, 0.33, 0.33]])
    doubts = LabelDoubts.of(chances, np.array([0, 1, 1]))
    assert doubts.likely[2] == 1
    assert not doubts.suspect.any()


def test_guesses_that_repeat_mistakes_gain_nothing_by_it():
    true, given, chances = noisy(share=0.4)
    doubts = LabelDoubts.of(chances, given)
    draw = np.random.default_rng(1)
    good = np.where(draw.random(len(true)) < 0.9, true, draw.integers(0, 4, len(true)))
    # Someone who has learned that what is truly 0 is often called 1.
    misled = np.where((good == 0) & (draw.random(len(true)) < 0.8), 1, good)
    assert doubts.hits(good).mean() == pytest.approx((good == true).mean(), abs=0.04)
    assert doubts.hits(misled).mean() == pytest.approx((misled == true).mean(), abs=0.04)
    raw = (good == given).mean() - (misled == given).mean()
    assert doubts.hits(good).mean() - doubts.hits(misled).mean() > 1.3 * raw


def test_rows_of_unknown_class_and_classes_without_rows_do_no_harm():
    _, given, chances = noisy(rows=300)
    more = np.column_stack([chances * 0.9, np.full(300, 0.1)])
    plain = LabelDoubts.of(more, given)
    given = np.append(given, [UNKNOWN, UNKNOWN])
    doubts = LabelDoubts.of(np.vstack([more, more[:2]]), given)
    assert doubts.suspect[:-2].tolist() == plain.suspect.tolist()
    assert not doubts.suspect[-2:].any()
    assert not (doubts.likely == 4).any()
    assert doubts.joint.sum() == pytest.approx(1.0)
    assert np.isfinite(doubts.hits(doubts.likely)).all()
    assert doubts.hits(doubts.likely)[-2:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("chances", [np.zeros((3, 2)), np.zeros(4), np.full((4, 2), np.nan)])
def test_what_does_not_fit_is_refused(chances):
    with pytest.raises(ValueError, match=r"do not fit|finite"):
        LabelDoubts.of(chances, np.zeros(4, dtype=int))
