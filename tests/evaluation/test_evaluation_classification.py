from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from journeyman.evaluation.classification import (
    accuracy_score,
    classification_metrics,
    evaluate_classification,
    macro_f1_score,
)
from journeyman.evaluation.intervals import Resampling
from journeyman.evaluation.multilabel import evaluate_multilabel

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60, database=None)
FEW = Resampling(50)
LABELS = "abcd"
pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=2)
label_sets = st.frozensets(st.sampled_from(LABELS))
set_pairs = st.lists(st.tuples(label_sets, label_sets), min_size=2, max_size=30)


@PROPERTY
@given(pairs)
def test_agrees_with_scikit_learn(rows):
    true, found = [a for a, _ in rows], [b for _, b in rows]
    result = evaluate_classification(true, found, resampling=FEW)
    assert result.metrics["accuracy"].value == pytest.approx(sk.accuracy_score(true, found))
    expected = sk.f1_score(true, found, average="macro", zero_division=0)
    assert result.metrics["macro_f1"].value == pytest.approx(expected)
    assert macro_f1_score(true, found) == pytest.approx(expected)
    assert accuracy_score(true, found) == pytest.approx(sk.accuracy_score(true, found))
    labels = list(result.confusion.labels)
    counts = [
        [sum(row == (actual, answered) for row in rows) for answered in labels] for actual in labels
    ]
    assert result.confusion.to_json() == {"labels": labels, "counts": counts}
    columns = sk.precision_recall_fscore_support(true, found, labels=labels, zero_division=0)
    for label, precision, recall, f1, support in zip(labels, *columns, strict=True):
        entry = result.classes[label]
        assert (entry.precision.value, entry.recall.value, entry.f1.value) == pytest.approx(
            (precision, recall, f1)
        )
        assert entry.support == support == entry.f1.n


@PROPERTY
@given(pairs, st.randoms(use_true_random=False))
def test_bounds_and_order(rows, random):
    shuffled = random.sample(rows, len(rows))
    true, found = [a for a, _ in rows], [b for _, b in rows]
    other = classification_metrics(
        [a for a, _ in shuffled], [b for _, b in shuffled], resampling=FEW
    )
    for name, metric in classification_metrics(true, found, resampling=FEW).items():
        assert 0 <= metric.low <= metric.value <= metric.high <= 1
        assert metric.value == pytest.approx(other[name].value)


def test_a_label_nobody_used_is_none_and_does_not_count():
    result = evaluate_classification(["a", "b"], ["a", "b"], labels=["b", "a", "c"])
    assert list(result.classes) == ["b", "a", "c"]
    assert result.classes["c"].f1.to_json()["value"] is None
    assert result.metrics["macro_f1"].value == 1
    assert result.confusion.to_json()["counts"] == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_a_resample_without_a_rare_class_is_not_punished_for_it():
    truth = ["a"] * 50 + ["b"]
    metric = classification_metrics(truth, truth)["macro_f1"]
    assert (metric.low, metric.high) == (1, 1)


def test_labels_outside_the_schema_and_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="outside the schema"):
        evaluate_classification(["a"], ["z"], labels=["a"])
    with pytest.raises(ValueError, match="2 true labels for 1"):
        evaluate_classification(["a", "b"], ["a"])


def test_no_rows_give_none():
    assert classification_metrics([], [])["accuracy"].value is None


@PROPERTY
@given(set_pairs)
def test_label_sets_agree_with_scikit_learn(rows):
    true, found = [a for a, _ in rows], [b for _, b in rows]
    result = evaluate_multilabel(true, found, labels=LABELS, resampling=FEW)
    matrix = [[[int(label in row) for label in LABELS] for row in side] for side in (true, found)]
    true_matrix, found_matrix = np.array(matrix)
    exact = sk.accuracy_score(true_matrix, found_matrix)
    assert result.metrics["subset_accuracy"].value == pytest.approx(exact)
    used = (true_matrix + found_matrix).any(axis=0)
    if used.any():
        for average in ("micro", "macro"):
            expected = sk.f1_score(
                true_matrix, found_matrix, labels=np.flatnonzero(used), average=average,
                zero_division=0,
            )  # fmt: skip
            assert result.metrics[f"{average}_f1"].value == pytest.approx(expected)
    else:
        assert result.metrics["micro_f1"].value is None
    for metric in result.metrics.values():
        if metric.value is not None:
            assert 0 <= metric.low <= metric.value <= metric.high <= 1
    assert [entry.support for entry in result.classes.values()] == list(true_matrix.sum(axis=0))
