"""The line between known and unknown: where it is drawn, and what is said of both sides."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from journeyman.evaluation.scope import Scope, fewest_rows, line, marked, scope_metrics
from journeyman.types import LabelPrediction

LABELS = ("bad", "good", "plain")


def outputs(count, seed=0, high=1.0):
    """Outputs [N, 3] of rows of which class at % 3 is the largest."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(0, 0.1, (count, 3))
    rows[np.arange(count), np.arange(count) % 3] += high
    return rows


def calibrated(method="auto", recall=0.9, count=99, nearest=None, labels=LABELS):
    truths = np.arange(count) % 3
    return Scope.calibrated(method, recall, outputs(count), truths, labels, nearest=nearest)


@pytest.mark.parametrize(("recall", "rows"), [(0.95, 19), (0.9, 9), (0.99, 99), (0.5, 1)])
def test_so_many_rows_are_needed_and_no_more(recall, rows):
    assert fewest_rows(recall) == rows
    assert line(np.arange(rows - 1.0), recall) is None
    assert line(np.arange(float(rows)), recall) == 0.0


def test_a_new_row_passes_as_often_as_was_asked_whatever_the_number_of_rows():
    draw = np.random.default_rng(0)
    for count in (30, 57, 200):
        passed = [
            np.mean(draw.normal(size=500) >= line(draw.normal(size=count), 0.9)) for _ in range(400)
        ]
        assert 0.895 < np.mean(passed) < 0.935


def test_a_row_is_strange_by_its_output_or_by_what_it_is_like():
    scope = calibrated(nearest=np.random.default_rng(1).normal(0.8, 0.02, 99))
    rows = np.array([[1.0, 0.0, 0.0], [0.4, 0.3, 0.3], [1.0, 0.0, 0.0]])
    usual, unsure, unlike = scope.scores(rows, LABELS, np.array([0.8, 0.8, 0.5]))
    assert usual > 0 > unsure
    assert unlike < 0


def test_an_output_is_held_against_those_of_its_class():
    high = outputs(90)
    high[np.arange(90) % 3 == 1] *= 5
    scope = Scope.calibrated("output", 0.9, high, np.arange(90) % 3, LABELS)
    first, second = scope.scores(np.array([[2.0, 0, 0], [0, 2.0, 0]]), LABELS, None)
    assert first > 0 > second


def test_a_class_without_rows_to_calibrate_by_is_held_against_all():
    scope = Scope.calibrated("output", 0.9, outputs(90), np.arange(90) % 3, (*LABELS, "new"))
    assert scope.usual["new"] == pytest.approx(scope.others)
    later = scope.of_labels(["bad"])
    assert set(later.usual) == {"bad"}
    one, other = (
        each.scores(np.array([[0, 0, 0, 1.0]]), (*LABELS, "new"), None) for each in (scope, later)
    )
    assert one == pytest.approx(other)


@pytest.mark.parametrize("method", ["auto", "output", "probability"])
def test_what_is_written_is_read_again(method):
    near = np.random.default_rng(1).normal(0.8, 0.02, 99)
    scope = calibrated(method, nearest=near)
    again = Scope.from_json(scope.to_json())
    rows = outputs(20, seed=3)
    assert again == scope
    assert again.scores(rows, LABELS, near[:20]).tolist() == (
        scope.scores(rows, LABELS, near[:20]).tolist()
    )
    assert (scope.nearest is None) == (method != "auto")


def test_nothing_is_said_where_it_cannot_be_known():
    scope = calibrated(nearest=np.random.default_rng(1).normal(0.8, 0.02, 99))
    assert scope.scores(outputs(3), LABELS, None) is None
    few = calibrated(count=5)
    assert (few.threshold, few.rows) == (None, 5)
    assert few.scores(outputs(3), LABELS, None) is None
    answers = [LabelPrediction("", "bad", 1.0, {})] * 3
    assert marked(answers, outputs(3), LABELS, None, {"scope": few.to_json()}) == answers
    assert marked(answers, outputs(3), LABELS, None, {}) == answers


def test_a_row_out_of_scope_abstains_and_keeps_its_best_guess():
    scope = calibrated("output").to_json()
    unsure = LabelPrediction("", "bad", 0.4, {}, abstained=True, reason="low_confidence")
    rows = np.array([[1.0, 0, 0], [0.1, 0.1, 0]])
    inside, outside = marked([unsure, unsure], rows, LABELS, None, {"scope": scope})
    assert (inside.abstained, inside.reason, inside.scope > 0) == (True, "low_confidence", True)
    assert (outside.abstained, outside.reason) == (True, "out_of_scope")
    assert (outside.label, outside.scope < 0) == ("bad", True)


def test_the_area_is_that_of_another_library_ties_and_all():
    draw = np.random.default_rng(0)
    known = draw.random(300) < 0.7
    score = np.round(draw.normal(known * 1.0, 1.0), 1)
    found = scope_metrics(score.tolist(), known)
    assert found["scope_auroc"].value == pytest.approx(roc_auc_score(known, score))
    assert found["known_recall"].value == pytest.approx((score[known] >= 0).mean())
    assert found["unknown_recall"].value == pytest.approx((score[~known] < 0).mean())
    area = found["scope_auroc"]
    assert area.low < area.value < area.high
    assert [each.n for each in found.values()] == [known.sum(), (~known).sum(), 300]


def test_rows_that_are_all_known_have_no_area():
    found = scope_metrics([1.0, -1.0, 2.0], [True] * 3)
    assert set(found) == {"known_recall"}
    assert found["known_recall"].value == pytest.approx(2 / 3)
    assert set(scope_metrics([1.0, -1.0], [False] * 2)) == {"unknown_recall"}
    assert scope_metrics([], []) == {}
