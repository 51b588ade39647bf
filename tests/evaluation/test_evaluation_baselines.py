from __future__ import annotations

import sys

import numpy as np
import pytest

from journeyman.errors import JourneymanError
from journeyman.evaluation.baselines.base import BASELINES, run_baselines, suited_baselines
from journeyman.evaluation.baselines.tagger import repair, word_shape
from journeyman.evaluation.baselines.tfidf import unspaced
from journeyman.evaluation.classification import accuracy_score, macro_f1_score
from journeyman.evaluation.regression import evaluate_regression
from journeyman.evaluation.spans import span_f1_score, tag_spans

GOOD, BAD, FILL = (
    ("great", "lovely", "fine"),
    ("awful", "poor", "sad"),
    "the film was on today".split(),
)


def reviews(rows, seed):
    random = np.random.default_rng(seed)
    texts, labels, values = [], [], []
    for _ in range(rows):
        side = int(random.integers(2))
        words = [*random.choice(FILL, 4), *random.choice((BAD, GOOD)[side], 2)]
        texts.append(" ".join(random.permutation(words)))
        labels.append(("bad", "good")[side])
        values.append(side * 2.0 - 1 + random.normal(0, 0.1))
    return texts, labels, values


def sentences(rows, seed):
    random = np.random.default_rng(seed)
    inputs, tags = [], []
    for _ in range(rows):
        name = ["Ann", "Bob", "Carla", "Dmitri", "Eve", "Farid"][random.integers(6)]
        inputs.append(["yesterday", "Mr", name, "Smith", "went", "home"])
        tags.append(["O", "O", "B-PER", "I-PER", "O", "O"])
    return inputs, tags


TRAIN, HELD, TEST = reviews(200, 0), reviews(60, 1), reviews(60, 2)


def test_every_baseline_is_registered_under_its_name_and_says_what_it_is():
    assert set(BASELINES) == {
        "majority", "mean", "tfidf_linear", "tfidf_ridge", "most_frequent_tag", "crf", "vader",
        "pixels_linear", "typical_boxes", "eigenfaces",
    }  # fmt: skip
    for name in BASELINES:
        assert BASELINES[name].name == name
        assert BASELINES[name].purpose
    with pytest.raises(JourneymanError, match="no baseline named 'majorty'"):
        BASELINES["majorty"]


def test_labels_are_learned_from_words_and_the_run_is_deterministic():
    run = run_baselines("label", TRAIN[:2], HELD[:2], TEST[0])
    assert set(run.predictions) == {"majority", "tfidf_linear"}
    assert accuracy_score(TEST[1], run.predictions["tfidf_linear"]) == 1
    assert len(set(run.predictions["majority"])) == 1
    assert run == run_baselines("label", TRAIN[:2], HELD[:2], TEST[0])


def test_the_penalty_is_chosen_on_validation_alone():
    random = np.random.default_rng(0)
    flipped = [("bad", "good")[label == "bad"] for label in HELD[1]]
    mixed = [label if random.random() < 0.6 else "bad" for label in TRAIN[1]]
    chosen, misled = (
        BASELINES["tfidf_linear"]("label").fit(TRAIN[0], mixed, (HELD[0], held)).predict(HELD[0])
        for held in (HELD[1], flipped)
    )
    assert macro_f1_score(HELD[1], chosen) > macro_f1_score(HELD[1], misled)


def test_values():
    train, held = (TRAIN[0], TRAIN[2]), (HELD[0], HELD[2])
    run = run_baselines("value", train, held, TEST[0])
    assert set(run.predictions) == {"mean", "tfidf_ridge"}
    assert run.predictions["mean"] == [pytest.approx(np.mean(TRAIN[2]))] * 60
    assert evaluate_regression(TEST[2], run.predictions["tfidf_ridge"])["pearson"].value > 0.97


def test_label_sets():
    def sets(labels):
        return [[label, "film"] if label == "good" else ["film"] for label in labels]

    train, held = (TRAIN[0], sets(TRAIN[1])), (HELD[0], sets(HELD[1]))
    run = run_baselines("labels", train, held, TEST[0])
    assert [set(row) for row in run.predictions["tfidf_linear"]] == [
        set(row) for row in sets(TEST[1])
    ]
    assert "film" in run.predictions["majority"][0]


@pytest.mark.parametrize(
    ("kind", "targets"),
    [("label", ["a"] * 4), ("labels", [[]] * 4), ("labels", [["a"]] * 4),
     ("labels", [["a"], [], ["a"], []]), ("value", [1.0] * 4)],
)  # fmt: skip
@pytest.mark.parametrize("texts", [["one two", "three", "four", "five"], ["!", "?", "", " "]])
def test_poor_data_still_gets_an_answer(kind, targets, texts):
    for validation in ((texts, targets), ([], [])):
        run = run_baselines(kind, (texts, targets), validation, ["new", ""])
        assert all(len(answers) == 2 for answers in run.predictions.values())
        empty = run_baselines(kind, (texts, targets), validation, [])
        assert all(answers == [] for answers in empty.predictions.values())


def test_chinese_is_read_by_characters():
    assert unspaced(["酒店很好，服务热情"])
    assert not unspaced(["the hotel was good", ""])
    good, bad = ["房间很干净", "服务非常好", "位置很好"], ["房间太脏了", "服务很差劲", "非常失望"]
    texts, labels = (good + bad) * 10, (["+"] * 3 + ["-"] * 3) * 10
    run = run_baselines("label", (texts, labels), (texts, labels), ["很干净也很好", "太脏很差劲"])
    assert run.predictions["tfidf_linear"] == ["+", "-"]


def test_tags():
    train, held, test = sentences(60, 0), sentences(20, 1), sentences(20, 2)
    unseen = [["today", "Mr", "Zhuang", "Smith", "left"]]
    run = run_baselines("tags", train, held, test[0] + unseen)
    truth = [tag_spans(tags) for tags in [*test[1], ["O", "O", "B-PER", "I-PER", "O"]]]
    crf, frequent = (
        [tag_spans(tags) for tags in run.predictions[name]] for name in ("crf", "most_frequent_tag")
    )
    assert span_f1_score(truth, crf) == 1
    assert span_f1_score(truth[:-1], frequent[:-1]) == 1
    assert frequent[-1] != truth[-1]


def test_repair_and_shape():
    assert repair(["I-PER", "I-PER", "I-LOC", "O", "B-LOC", "I-LOC", "I-PER"]) == [
        "B-PER", "I-PER", "B-LOC", "O", "B-LOC", "I-LOC", "B-PER"
    ]  # fmt: skip
    assert [word_shape(word) for word in ("McDonald", "@user42", "U.S.")] == ["XxXx", "@xd", "X.X."]


def test_a_missing_library_omits_its_baseline_with_the_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn_crfsuite", None)
    run = run_baselines("tags", sentences(5, 0), sentences(5, 1), [["a"]])
    assert set(run.predictions) == {"most_frequent_tag"}
    assert "sklearn-crfsuite" in run.omitted["crf"]
    assert "pip install" in run.omitted["crf"]


def test_vader_is_only_for_english_sentiment():
    texts, three = ["I love it", "I hate it", "It is a table"], ["positive", "negative", "neutral"]
    assert "vader" in suited_baselines("label", texts, three)
    assert "vader" not in suited_baselines("label", texts, ["positive", "negative", "mixed"])
    assert "vader" not in suited_baselines("label", ["我喜欢", "讨厌", "桌子"], three)
    assert "vader" not in suited_baselines("value", texts, [1.0, -1.0, 0.0])
    pytest.importorskip("vaderSentiment")
    run = run_baselines("label", (texts, three), (texts, three), texts, names=["vader"])
    assert run.predictions["vader"] == three
    values = [3.0, -3.0, 0.0]
    fitted = run_baselines("value", (texts, values), (texts, values), texts, names=["vader"])
    assert fitted.predictions["vader"] == pytest.approx(values, abs=0.5)


def test_large_training_data_is_sampled_the_same_way_each_time():
    heard = []
    runs = [
        run_baselines("label", TRAIN[:2], HELD[:2], TEST[0], maximum_rows=50, progress=heard.append)
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert heard == ["majority", "tfidf_linear"] * 2
    with pytest.raises(ValueError, match="200 inputs for 60 targets"):
        run_baselines("label", (TRAIN[0], HELD[1]), HELD[:2], [])
