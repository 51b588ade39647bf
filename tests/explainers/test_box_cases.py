"""Every box, found or missed, is a case; the kinds are shown in turn."""

from journeyman.explainers.cases import cases
from journeyman.explainers.selection import choose
from journeyman.tasks.object_detection import ObjectDetection
from journeyman.types import BoxesPrediction, LabelledBox, ScoredBox

TASK = ObjectDetection()


def truth(x, label, difficult=False):
    return LabelledBox((x, 10.0, 50.0, 40.0), label, difficult)


def found(x, label, score):
    return ScoredBox((x, 10.0, 50.0, 40.0), label, score)


TRUE = [truth(0.0, "cat"), truth(100.0, "dog"), truth(200.0, "cat"), truth(300.0, "cow")]
FOUND = (
    found(1.0, "cat", 0.9),
    found(3.0, "cat", 0.8),
    found(102.0, "cat", 0.7),
    found(230.0, "cat", 0.6),
    found(500.0, "cow", 0.5),
)


def test_each_kind_of_case_says_what_was_given_found_and_is_explained():
    told = cases(TASK, [BoxesPrediction("0", FOUND)], [TRUE], ["a.png"])
    assert [(c.group, c.right, c.weight, c.given, c.predicted, c.score) for c in told] == [
        ("correct: cat", True, 0.9, "cat", "cat", 0.9),
        ("error: cat found twice", False, 0.8, "cat", "cat", 0.8),
        ("error: dog taken for cat", False, 0.7, "dog", "cat", 0.7),
        ("error: wrong bounds of cat", False, 0.6, "cat", "cat", 0.6),
        ("error: spurious cow", False, 0.5, "nothing", "cow", 0.5),
        ("error: missed cow", False, 0.0, "cow", "nothing", None),
    ]
    assert [case.asked for case in told] == [*FOUND, TRUE[3]]


def test_the_surest_and_the_least_sure_right_box_are_shown_and_the_surest_error():
    predictions = [
        BoxesPrediction("0", (found(1.0, "cat", 0.9), found(700.0, "dog", 0.3))),
        BoxesPrediction("1", (found(1.0, "cat", 0.5), found(700.0, "dog", 0.6))),
        BoxesPrediction("2", (found(1.0, "cat", 0.7),)),
    ]
    targets = [[truth(0.0, "cat"), truth(900.0, "cow", difficult=True)]] * 3
    chosen = choose(TASK, predictions, targets, ["a.png"] * 3, 24)
    assert [(case.group, case.row) for case in chosen] == [
        ("correct: cat", 0),
        ("correct: cat", 1),
        ("error: spurious dog", 1),
    ]
