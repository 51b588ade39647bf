"""Posteriors of true labels and numbers: they find mistakes, and promise no more than they hold."""

import numpy as np
import pytest

from journeyman.evaluation.true_labels import TrueLabels
from journeyman.evaluation.true_values import TrueValues

ROWS, CLASSES = 4000, 6


def answered(share, toward, seed=0, sharp=3.0):
    """Outputs that know the true class more or less; true and given classes."""
    draw = np.random.default_rng(seed)
    true = draw.integers(0, CLASSES, ROWS)
    outputs = sharp * np.eye(CLASSES)[true] + draw.normal(0, 1, (ROWS, CLASSES))
    steps = np.ones(ROWS, dtype=int) if toward else draw.integers(1, CLASSES, ROWS)
    given = np.where(draw.random(ROWS) < share, (true + steps) % CLASSES, true)
    return outputs, true, given


@pytest.mark.parametrize("toward", [False, True], ids=["uniform", "toward"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_the_share_of_wrong_labels_is_met_though_nobody_told_it(share, toward):
    outputs, true, given = answered(share, toward)
    found = TrueLabels.of(outputs, given)
    assert found.noise == pytest.approx((given != true).mean(), abs=0.015)


@pytest.mark.parametrize("toward", [False, True], ids=["uniform", "toward"])
def test_probabilities_are_as_often_right_as_they_say(toward):
    outputs, true, given = answered(0.25, toward)
    wrong, found = given != true, TrueLabels.of(outputs, given).wrong
    for low in (0.05, 0.35, 0.65):
        there = (found >= low) & (found < low + 0.3)
        assert there.sum() > 30
        assert wrong[there].mean() == pytest.approx(found[there].mean(), abs=0.12)


def test_the_given_label_counts_and_mistakes_are_learned():
    outputs, true, given = answered(0.3, True, sharp=2.0)
    found = TrueLabels.of(outputs, given)
    likely = found.posterior.argmax(1)
    assert (likely == true).mean() > (outputs.argmax(1) == true).mean() + 0.02
    moved = found.mistakes[np.arange(CLASSES), (np.arange(CLASSES) + 1) % CLASSES]
    assert moved == pytest.approx(np.full(CLASSES, 0.3), abs=0.06)
    assert found.mistakes.sum(1) == pytest.approx(np.ones(CLASSES))


def test_the_likeliest_other_class_is_another():
    outputs, _, given = answered(0.2, False)
    found = TrueLabels.of(outputs, given)
    assert (found.others != given).all()
    rest = found.posterior.copy()
    rest[np.arange(ROWS), given] = -1
    assert (found.others == rest.argmax(1)).all()


def test_the_scale_of_outputs_does_not_matter():
    outputs, _, given = answered(0.2, False)
    one, two = (TrueLabels.of(scale * outputs, given).wrong for scale in (1.0, 0.01))
    assert one == pytest.approx(two, abs=0.02)


def test_answers_that_know_nothing_doubt_nothing():
    given = np.random.default_rng(0).integers(0, CLASSES, 500)
    assert (TrueLabels.of(np.zeros((500, CLASSES)), given).wrong < 0.5).all()


def test_shapes_must_fit():
    for outputs, given in [(np.zeros((3, 2)), [0, 1]), (np.zeros((2, 1)), [0, 0])]:
        with pytest.raises(ValueError, match="do not fit"):
            TrueLabels.of(outputs, np.array(given))


def numbers(share, seed=0, rows=600):
    draw = np.random.default_rng(seed)
    true = draw.uniform(0, 10, rows)
    answers = true + draw.normal(0, 0.5, rows)
    wrong = draw.random(rows) < share
    return answers, np.where(wrong, draw.permutation(true), true), wrong


def test_wrong_numbers_are_found():
    answers, given, wrong = numbers(0.1)
    found = TrueValues.of(answers, given)
    assert found.noise == pytest.approx(0.1, abs=0.02)
    assert found.spread == pytest.approx(0.45, abs=0.15)
    suspect = found.wrong >= 0.5
    assert wrong[suspect].mean() > 0.85
    assert suspect[wrong].mean() > 0.6  # A number drawn anew is sometimes near by chance.


def test_right_numbers_are_left_alone():
    answers, given, _ = numbers(0.0)
    assert (TrueValues.of(answers, given).wrong >= 0.5).mean() < 0.005


def test_numbers_that_never_differ_are_not_doubted():
    found = TrueValues.of(np.zeros(20), np.full(20, 3.0))
    assert (found.wrong == 0).all()
    with pytest.raises(ValueError, match="do not fit"):
        TrueValues.of(np.zeros(3), np.zeros(4))
