"""Which answers are sure enough: a threshold with evidence, labels that keep their mix."""

import numpy as np
import pytest
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.training.augmentations.base import AugmentOptions
from journeyman.training.augmentations.missing import changed, joined, missing_views
from journeyman.training.examples import Examples
from journeyman.training.missing_options import MissingOptions
from journeyman.training.pseudo_labels import (
    DRIFT,
    LEAST,
    Confident,
    SelfTrainingOptions,
    label_counts,
    taken,
    threshold_of,
    with_pseudo_labels,
    with_views,
)
from journeyman.training.solving import copied


def held_out(rights, wrongs):
    """Confidences from 1 downwards, the first `rights` right and `wrongs` after them wrong."""
    count = rights + wrongs
    return np.linspace(1.0, 0.5, count), np.arange(count) < rights


def test_the_threshold_is_the_lowest_at_which_answers_are_right_often_enough():
    scores, right = held_out(40, 20)
    found = threshold_of(scores, right, 0.9)
    assert found.rows == 43
    assert found.right == 40
    assert (40 + 1) / (43 + 2) >= 0.9 > (40 + 1) / (44 + 2)
    assert (scores >= found.score).sum() == 43


def test_few_answers_never_vouch_for_much_though_all_are_right():
    assert threshold_of(*held_out(LEAST - 1, 0), 0.5) is None
    assert threshold_of(*held_out(LEAST, 0), 0.5).rows == LEAST
    assert threshold_of(*held_out(17, 0), 0.95) is None
    assert threshold_of(*held_out(18, 0), 0.95).rows == 18
    assert threshold_of(*held_out(0, 0), 0.5) is None


def test_answers_as_confident_as_one_another_are_taken_together():
    scores = np.repeat([0.9, 0.6], [12, 30])
    right = np.ones(42, bool)
    right[12:24] = False
    assert threshold_of(scores, right, 0.9).score == 0.9
    right[:6] = False
    assert threshold_of(scores, right, 0.9) is None


def test_no_order_of_the_rows_changes_the_threshold():
    scores, right = held_out(30, 10)
    order = np.random.default_rng(1).permutation(40)
    assert threshold_of(scores[order], right[order], 0.8) == threshold_of(scores, right, 0.8)


def test_answers_are_tempered_and_their_best_label_is_what_counts():
    outputs = [np.array([0.0, 4.0], np.float32), np.array([2.0, 0.0], np.float32)]
    found = Confident.of(outputs, 2.0)
    assert found.labels.tolist() == [1, 0]
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp([-2.0, -1.0])), rtol=1e-6)
    assert len(Confident.of([], 1.0).labels) == 0


def test_no_label_grows_much_more_than_the_one_that_grows_least():
    labels = np.repeat([0, 1, 2], [500, 60, 8])
    scores = np.linspace(0.99, 0.91, len(labels))
    counts = np.array([10.0, 10.0, 4.0])
    rows = taken(Confident(labels, scores), 0.9, counts)
    grown = 1 + np.bincount(labels[rows], minlength=3) / counts
    assert grown[2] == 3.0
    assert grown.max() <= DRIFT * grown.min()
    assert grown.tolist() == [12.0, 7.0, 3.0]


def test_where_a_label_has_no_sure_answer_the_others_stay_modest():
    labels = np.zeros(500, dtype=np.int64)
    rows = taken(Confident(labels, np.full(500, 0.95)), 0.9, np.array([8.0, 8.0]))
    assert len(rows) == 8 * (DRIFT - 1)


def test_the_most_confident_rows_of_a_label_are_taken():
    labels = np.zeros(100, dtype=np.int64)
    scores = np.random.default_rng(0).uniform(0.8, 1.0, 100)
    rows = taken(Confident(labels, scores), 0.85, np.array([5.0, 1.0]))
    assert len(rows) == 15
    assert set(rows.tolist()) == set(np.argsort(-scores)[:15].tolist())
    assert rows.tolist() == sorted(rows.tolist())
    assert len(taken(Confident(labels, scores), 1.01, np.array([5.0, 1.0]))) == 0


def test_a_label_nobody_has_is_not_learned_from_answers_alone():
    labels = np.repeat([0, 1], 20)
    rows = taken(Confident(labels, np.full(40, 0.95)), 0.9, np.array([5.0, 0.0]))
    assert set(labels[rows].tolist()) == {0}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return Sample("text-classification", tiny_backbone(tmp_path_factory.mktemp("tiny")), 12, 6)


def test_pseudo_labelled_rows_stand_after_the_labelled_with_their_labels(sample):
    given = label_counts(sample.train)
    assert given.tolist() == [4.0, 4.0, 4.0]
    numbers = np.array([2, 0, 0, 1, 2, 2])
    found = with_pseudo_labels(
        sample.task, sample.backbone, sample.schema, sample.train, sample.validation, numbers
    )
    assert len(found) == 18
    assert found.texts[:12] == sample.train.texts
    assert [target.label for target in found.targets[12:]] == [
        sample.schema.labels[at] for at in numbers
    ]
    assert (label_counts(found) - given).tolist() == [2.0, 1.0, 3.0]
    nothing = sample.validation.select(np.arange(0))
    assert with_pseudo_labels(
        sample.task, sample.backbone, sample.schema, sample.train, nothing, numbers[:0]
    ) is sample.train  # fmt: skip


def test_true_is_the_defaults_and_false_is_not_nothing():
    from journeyman.training.options import FinetuneOptions

    def said(value):
        return FinetuneOptions.model_validate({"self_training": value}).self_training

    assert said(True) == SelfTrainingOptions(precision=0.9, rounds=2, limit=None)
    assert said(False) is False
    assert said(None) is None
    assert said({"precision": 0.8}).precision == 0.8
    with pytest.raises(ValueError, match="precision"):
        said({"precision": 1.0})


def some_of(sample, texts):
    inputs = sample.backbone.prepare(texts)
    return Examples(texts, inputs, [None] * len(texts))


def test_views_are_known_to_be_of_their_row(sample):
    more = some_of(sample, ["a good fine film of the year", "plot", "an awful bad plot of theirs"])
    views = AugmentOptions(copies=3, strength=0.4)
    found, of = with_views(sample.backbone, more, views, "text", 0)
    assert list(found.texts[:3]) == list(more.texts)
    assert len(found) == 3 + 6, "a text of one word has no view of its own"
    assert sorted(of.tolist()) == [0, 0, 0, 0, 1, 2, 2, 2, 2]
    for at, row in enumerate(of):
        assert set(found.texts[at].split()) <= set(more.texts[row].split())
        assert found.inputs.sources[at] == more.inputs.sources[row]
        assert found.ids[at] == found.ids[row]
    assert copied(found).tolist() == [False] * 3 + [True] * 6
    again, _ = with_views(sample.backbone, more, views, "text", 0)
    assert list(again.texts) == list(found.texts)


def test_without_consistency_there_are_the_rows_alone(sample):
    more = some_of(sample, ["a good film"])
    found, of = with_views(sample.backbone, more, None, "text", 0)
    assert found is more
    assert of.tolist() == [0]


def test_views_of_labelled_rows_are_still_known_as_such_beside_pseudo_labels(sample):
    about = sample.task, sample.backbone, sample.schema
    said = MissingOptions(words=0.5)
    views = changed(missing_views(sample.backbone, sample.train, said, 0, 1), sample.train)
    wider = joined(sample.backbone, [sample.train, views])
    more = some_of(sample, ["a good film"])
    found = with_pseudo_labels(*about, wider, more, np.array([1]))
    assert copied(found).sum() == copied(wider).sum() > 0
    assert found.inputs.sources[: len(wider)].tolist() == wider.inputs.sources.tolist()
