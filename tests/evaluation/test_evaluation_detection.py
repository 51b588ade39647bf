"""Mean average precision equals pycocotools's, and says of simple cases what it should."""

import numpy as np
import pytest
from detection_samples import found_box, library, random_boxes, true_box

from journeyman.evaluation.average_precision import average_precision, precision_curve
from journeyman.evaluation.box_matches import box_matches
from journeyman.evaluation.detection import (
    best_threshold,
    box_confusion,
    detection_metrics,
    detection_score,
)

NAMES = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large")
TRUE = [
    [true_box((10, 10, 50, 40)), true_box((100, 80, 120, 110), "b")],
    [true_box((5, 5, 20, 20))],
]


def same(rows, score=0.9):
    return [[found_box(box.box, box.label, score) for box in row] for row in rows]


@pytest.mark.parametrize("seed", range(6))
def test_every_figure_equals_the_library(seed):
    found, true = random_boxes(seed=seed)
    theirs = library(found, true, list("abc"))
    ours = detection_metrics(found, true, list("abc"))
    values = [ours.metrics[name].value for name in NAMES]
    np.testing.assert_allclose(values, theirs.stats[:6], atol=1e-9)
    assert ours.metrics["recall_100"].value == pytest.approx(theirs.stats[8], abs=1e-9)
    precision = theirs.eval["precision"][..., -1]
    for place, label in enumerate("ab"):
        mean = precision[:, :, place, 0].mean()
        assert ours.classes[label].map.value == pytest.approx(mean, abs=1e-9)
        half = precision[0, :, place, 0]
        assert ours.classes[label].map_50.value == pytest.approx(half.mean(), abs=1e-9)
        np.testing.assert_allclose(ours.curves[label], half, atol=1e-9)
    assert detection_score(found, true, list("abc"), "map") == pytest.approx(theirs.stats[0])
    assert detection_score(found, true, list("abc"), "map_50") == pytest.approx(theirs.stats[1])
    assert ours.classes["c"].map.value is None
    assert "c" not in ours.curves


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_is_as_good_as_a_picture_more(seed):
    found, true = random_boxes(12, seed=seed)
    # Of equal scores a picture's copies come one after another, which weights do not tell apart.
    found = [
        [found_box(b.box, b.label, b.score + 1e-4 * (at + 100 * row)) for at, b in enumerate(boxes)]
        for row, boxes in enumerate(found)
    ]
    times = np.random.default_rng(seed).integers(0, 4, 12)
    theirs = library(
        np.repeat(np.array(found, dtype=object), times).tolist(),
        np.repeat(np.array(true, dtype=object), times).tolist(),
        list("abc"),
    )
    for place, matches in enumerate(box_matches(found, true, list("abc"))):
        weights = np.stack([np.ones(12), times.astype(float)])
        precision, recall = (each[1] for each in average_precision(matches, weights))
        expected = theirs.eval["precision"][:, :, place, :, -1].mean(1).T
        np.testing.assert_allclose(np.nan_to_num(precision, nan=-1), expected, atol=1e-9)
        expected = theirs.eval["recall"][:, place, :, -1].T
        np.testing.assert_allclose(np.nan_to_num(recall, nan=-1), expected, atol=1e-9)


def test_nothing_is_printed(capsys):
    detection_metrics(*random_boxes(3), list("abc"))
    assert capsys.readouterr().out == ""


def test_a_perfect_detector_has_all_and_a_shifted_one_some():
    perfect = detection_metrics(same(TRUE), TRUE, ["a", "b"])
    assert {n: m.value for n, m in perfect.metrics.items()} == pytest.approx(
        {"map": 1, "map_50": 1, "map_75": 1, "map_small": 1, "map_medium": 1, "map_large": 1,
         "recall_100": 1}
    )  # fmt: skip
    assert perfect.n == perfect.metrics["map"].n == 2
    # 40 of 50 columns overlap: 40 / 60 = 0.667, so 4 of the 10 least overlaps are met.
    shifted = [[found_box((20, 10, 50, 40))]]
    one = [[true_box((10, 10, 50, 40))]]
    found = detection_metrics(shifted, one, ["a"]).metrics
    assert found["map"].value == pytest.approx(0.4)
    assert found["map_50"].value == pytest.approx(1)
    assert found["map_75"].value == pytest.approx(0)
    assert found["map_small"].value is None
    assert found["map"].low is None


def test_a_box_found_twice_is_false_the_second_time():
    true = [[true_box((10, 10, 50, 40)), true_box((100, 100, 50, 40))]]
    once = same(true)
    twice = [
        [once[0][0], found_box((11, 10, 50, 40), score=0.8), found_box(once[0][1].box, score=0.7)]
    ]
    assert detection_score(once, true, ["a"], "map_50") == pytest.approx(1)
    # Precision is 1 up to a recall of a half, and 2 of 3 beyond it.
    expected = (51 + 50 * 2 / 3) / 101
    assert detection_score(twice, true, ["a"], "map_50") == pytest.approx(expected)
    whole = detection_metrics(twice, true, ["a"], threshold=0.0)
    assert whole.classes["a"].precision.value == pytest.approx(2 / 3)
    assert whole.classes["a"].recall.value == 1
    assert whole.confusion.counts == ((2, 0), (1, 0))


def test_the_order_of_scores_matters_and_their_size_does_not():
    right, wrong = found_box((10, 10, 50, 40), score=0.6), found_box((200, 200, 30, 30), score=0.5)
    true = [[true_box((10, 10, 50, 40))]]
    first = detection_score([[right, wrong]], true, ["a"], "map_50")
    last = detection_score([[right, found_box(wrong.box, score=0.7)]], true, ["a"], "map_50")
    assert (first, last) == pytest.approx((1.0, 0.5))
    small = [[found_box(b.box, score=b.score / 1e4) for b in (right, wrong)]]
    assert detection_score(small, true, ["a"], "map_50") == first


def test_a_difficult_box_is_neither_missed_nor_wrongly_found():
    true = [[true_box((10, 10, 50, 40)), true_box((100, 100, 80, 80), difficult=True)]]
    for found in (
        same(true)[0][:1],
        same(true)[0],
        [*same(true)[0], found_box((110, 110, 20, 20))],
    ):
        measured = detection_metrics([found], true, ["a"])
        assert measured.metrics["map"].value == pytest.approx(1)
        assert measured.classes["a"].support == 1
        assert measured.confusion.counts == ((1, 0), (0, 0))


def test_without_truths_there_is_nothing_to_measure():
    empty = detection_metrics([[found_box((1, 1, 5, 5))], []], [[], []], ["a"])
    assert all(metric.value is None for metric in empty.metrics.values())
    assert empty.metrics["map"].n == 2
    assert empty.curves == {}
    assert detection_score([[]], [[]], ["a"], "map") == 0.0
    assert detection_score([], [], [], "map_50") == 0.0
    assert detection_metrics([], [], ["a"]).metrics["map"].value is None
    with pytest.raises(ValueError, match="1 pictures with answers, 2 with truths"):
        detection_score([[]], [[], []], ["a"], "map")


def test_a_label_that_training_never_had_counts_as_never_found():
    true = [[true_box((10, 10, 50, 40)), true_box((100, 100, 50, 40), "new")]]
    measured = detection_metrics(same([true[0][:1]]), true, ["a"])
    assert measured.metrics["map"].value == pytest.approx(0.5)
    assert list(measured.classes) == ["a", "new"]
    assert measured.confusion.labels == ("a", "new", "background")


def test_the_best_threshold_leaves_out_what_costs_more_than_it_finds():
    true = [[true_box((10, 10, 50, 40)), true_box((100, 100, 50, 40))]]
    found = [[*same(true, 0.8)[0], found_box((200, 10, 20, 20), score=0.5)]]
    assert best_threshold(found, true, ["a"]) == 0.8
    # All of an equal score are in or out together.
    tied = [[*same(true, 0.5)[0][:1], found_box((200, 10, 20, 20), score=0.5)]]
    assert best_threshold(tied, true, ["a"]) == 0.5
    assert best_threshold([[]], true, ["a"]) == 0.5
    measured = detection_metrics(found, true, ["a"])
    assert measured.threshold == 0.8
    assert measured.classes["a"].f1.value == 1


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_the_diagonal_of_the_confusion_has_the_hits(threshold):
    found, true = random_boxes(30, seed=7)
    measured = detection_metrics(found, true, list("abc"), threshold=threshold)
    counts = np.array(measured.confusion.counts)
    kept = [[box for box in row if box.score >= threshold] for row in found]
    assert measured.confusion == box_confusion(kept, true, list("abc"), 0.0)
    for place, (label, each) in enumerate(measured.classes.items()):
        truths = sum(b.label == label and not b.difficult for row in true for b in row)
        assert each.support == counts[place].sum() == truths
        predicted = counts[:, place].sum()
        if truths:
            assert each.precision.value == pytest.approx(counts[place, place] / predicted)
            assert each.recall.value == pytest.approx(counts[place, place] / truths)
    assert counts[-1, -1] == 0


def test_intervals_hold_the_value_follow_the_seed_and_widen_with_groups():
    found, true = random_boxes(40, seed=3)
    one, again, other = (detection_metrics(found, true, list("abc"), seed=s) for s in (1, 1, 2))
    assert one == again
    assert one.metrics["map"] != other.metrics["map"]
    for metric in (*one.metrics.values(), one.classes["a"].map, one.classes["a"].f1):
        assert 0 <= metric.low <= metric.value <= metric.high <= 1
    assert one.metrics["map"].high - one.metrics["map"].low > 0.02
    twins = detection_metrics(found * 2, true * 2, list("abc"), groups=[*range(40)] * 2)
    alone = detection_metrics(found * 2, true * 2, list("abc"))
    widths = [m.metrics["map"].high - m.metrics["map"].low for m in (twins, alone)]
    assert widths[0] > 1.2 * widths[1]


def test_a_curve_falls_with_recall_and_ends_where_recall_does():
    found, true = random_boxes(30, seed=5)
    matches = box_matches(found, true, list("abc"))[0]
    curve = precision_curve(matches)
    assert (np.diff(curve) <= 0).all()
    recall = matches.hit[0, 0].sum() / matches.truths[0].sum()
    assert (curve > 0).sum() == int(recall * 100) + 1
