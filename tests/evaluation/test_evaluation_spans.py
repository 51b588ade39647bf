from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2

from journeyman.errors import DataError
from journeyman.evaluation.intervals import Resampling
from journeyman.evaluation.significance import compare_spans
from journeyman.evaluation.spans import (
    evaluate_spans,
    evaluate_tags,
    span_f1_score,
    tag_spans,
)

PROPERTY = settings(derandomize=True, deadline=None, max_examples=80, database=None)
FEW = Resampling(50)
tag = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
sentence = st.lists(st.tuples(tag, tag), max_size=8)
corpus = st.lists(sentence, min_size=1, max_size=8)


def seqeval(true, found, average):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return precision_recall_fscore_support(true, found, average=average, scheme=IOB2)


@PROPERTY
@given(corpus)
def test_agrees_with_seqeval_in_strict_mode(rows):
    true = [[a for a, _ in row] for row in rows]
    found = [[b for _, b in row] for row in rows]
    result = evaluate_tags(true, found, resampling=FEW)
    precision, recall, f1, _ = seqeval(true, found, "micro")
    names = ("span_precision", "span_recall", "span_f1")
    values = [result.metrics[name].value or 0 for name in names]
    assert values == pytest.approx([precision, recall, f1])
    by_type = zip(result.classes.values(), *seqeval(true, found, None), strict=True)
    for entry, precision, recall, f1, support in by_type:
        scores = (entry.precision.value, entry.recall.value, entry.f1.value)
        assert scores == pytest.approx((precision, recall, f1))
        assert entry.support == support
    spans = [[tag_spans(tags) for tags in side] for side in (true, found)]
    assert span_f1_score(*spans) == pytest.approx(values[2])
    for metric in result.metrics.values():
        if metric.low is not None:
            assert 0 <= metric.low <= metric.value <= metric.high <= 1


def test_strict_reading_differs_from_the_lenient_one():
    true, found = [["B-PER", "I-PER"]], [["I-PER", "I-PER"]]
    lenient = f1_score(true, found)
    assert (lenient, evaluate_tags(true, found).metrics["span_f1"].value) == (1.0, 0.0)


def test_spans_in_code_points_and_their_interval():
    true = [[(0, 4, "PER")], [(2, 5, "LOC"), (7, 9, "PER")]] * 50
    found = [[(0, 4, "PER")], [(2, 5, "PER")]] * 50
    result = evaluate_spans(true, found, types=["PER", "LOC", "ORG"])
    assert result.metrics["span_f1"].value == pytest.approx(2 * 50 / (150 + 100))
    assert result.metrics["span_f1"].n == 100
    assert result.classes["ORG"].f1.value is None
    assert result.classes["PER"].support == 100


def test_resampling_sentences_is_resampling_their_counts():
    random = np.random.default_rng(0)
    true = [[(i, i + 1, "X") for i in range(int(k))] for k in random.integers(0, 4, 80)]
    found = [[span for span in row if random.random() < 0.7] for row in true]
    metric = evaluate_spans(true, found).metrics["span_recall"]
    draws = random.integers(0, 80, (1000, 80))
    slow = [sum(len(found[i]) for i in rows) / sum(len(true[i]) for i in rows) for rows in draws]
    assert (metric.low, metric.high) == pytest.approx(np.percentile(slow, [2.5, 97.5]), abs=0.03)


def test_no_span_anywhere_is_none():
    assert evaluate_tags([["O"], []], [["O"], []]).metrics["span_f1"].value is None


def test_foreign_tags_are_a_data_error():
    with pytest.raises(DataError, match="IOB2"):
        tag_spans(["O", "PER"])
    with pytest.raises(DataError):
        tag_spans(["S-PER"])
    with pytest.raises(ValueError, match="differ in length"):
        evaluate_tags([["O"]], [["O", "O"]])


def test_paired_span_difference():
    true = [[(0, 1, "A")], [(0, 1, "B")]] * 30
    empty = [[] for _ in true]
    assert compare_spans(true, true, empty)["span_f1"].value == 1
    assert compare_spans(true, empty, true)["span_f1"].high == -1
