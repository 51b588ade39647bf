"""Which rows are shown, and the deletion test."""

import numpy as np
import pytest
from explainer_samples import BAD, GOOD, parts, rows, trained
from tiny import tiny_backbone

from journeyman.explainers.asking import ask
from journeyman.explainers.base import EXPLAINERS
from journeyman.explainers.cases import Case
from journeyman.explainers.faithfulness import deletion_test
from journeyman.explainers.passage import Passage
from journeyman.explainers.selection import choose, example
from journeyman.explainers.word_question import WordQuestion
from journeyman.tasks.text_classification import LabelTarget
from journeyman.tasks.words import TokenText
from journeyman.types import (
    EntitiesPrediction,
    Entity,
    Explanation,
    LabelPrediction,
    MultiLabelPrediction,
    ScoredLabel,
    TokenWeight,
    ValuePrediction,
)

ANSWERS = [  # truth, guess, score
    ("good", "good", 0.9),
    ("good", "good", 0.5),
    ("good", "good", 0.7),
    ("bad", "bad", 0.8),
    ("bad", "good", 0.6),
    ("bad", "good", 0.95),
    ("good", "bad", 0.55),
]


def label_cases(samples):
    task = parts("text-classification")[0]
    predictions = [
        LabelPrediction(str(i), guess, score, {guess: score})
        for i, (_, guess, score) in enumerate(ANSWERS)
    ]
    targets = [LabelTarget(truth) for truth, _, _ in ANSWERS]
    return choose(task, predictions, targets, ["a text"] * len(ANSWERS), samples)


def test_each_class_and_each_kind_of_error_is_shown():
    assert [(case.group, case.row) for case in label_cases(24)] == [
        ("correct: bad", 3),
        ("correct: good", 0),
        ("correct: good", 1),
        ("error: bad taken for good", 5),
        ("error: good taken for bad", 6),
    ]


@pytest.mark.parametrize("samples", range(6))
def test_samples_bound_what_is_shown_and_keep_both_kinds(samples):
    chosen = label_cases(samples)
    assert len(chosen) == min(samples, 5)
    if samples >= 2:
        assert {case.right for case in chosen} == {True, False}


def test_labels_are_missed_or_spurious():
    task = parts("multi-label-classification")[0]
    scores = {"bad": 0.2, "good": 0.9, "plain": 0.7}
    found = (ScoredLabel("good", 0.9), ScoredLabel("plain", 0.7))
    answer = MultiLabelPrediction("0", found, scores)
    chosen = choose(task, [answer], [frozenset({"good", "bad"})], ["a text"], 24)
    assert [(case.group, case.asked, case.given) for case in chosen] == [
        ("correct: good", "good", "bad, good"),
        ("error: missed bad", "bad", "bad, good"),
        ("error: spurious plain", "plain", "bad, good"),
    ]


def test_numbers_are_closest_too_high_or_too_low():
    task = parts("text-regression")[0]
    values = [0.1, 3.0, -2.5, 0.5, 5.0]
    predictions = [ValuePrediction(str(i), v, v - 1, v + 1) for i, v in enumerate(values)]
    chosen = choose(task, predictions, [0.0] * 5, ["a text"] * 5, 6)
    assert [(case.group, case.row) for case in chosen] == [
        ("closest", 0),
        ("closest", 3),
        ("error: too high", 4),
        ("error: too high", 1),
        ("error: too low", 2),
    ]


def test_entities_are_missed_spurious_mistaken_or_of_wrong_bounds():
    task = parts("token-classification")[0]
    text = TokenText("anna sat in paris on acme london story bob dog".split())
    tags = "B-PER O O B-LOC O B-ORG B-LOC O B-PER I-PER".split()
    guesses = ["anna PER", "paris PER", "london LOC", "story LOC", "bob PER"]
    entities = []
    for word, kind in (guess.split() for guess in guesses):
        start = text.index(word)
        entities.append(Entity(start, start + len(word), word, kind, 0.8))
    chosen = choose(task, [EntitiesPrediction("0", tuple(entities))], [tuple(tags)], [text], 24)
    assert {(case.group, case.given, case.predicted) for case in chosen} == {
        ("correct: PER", "PER: anna", "PER: anna"),
        ("correct: LOC", "LOC: london", "LOC: london"),
        ("error: LOC taken for PER", "LOC: paris", "PER: paris"),
        ("error: missed ORG", "ORG: acme", "nothing"),
        ("error: spurious LOC", "nothing", "LOC: story"),
        ("error: wrong bounds of PER", "PER: bob dog", "PER: bob"),
    }


def test_an_example_carries_the_words_and_the_gap():
    case = Case(0, "correct: good", True, 0.9, "good", "good", score=0.9)
    tokens = (TokenWeight(2, 6, "good", 1.5),)
    passage = Passage(("a good", "b"), None, (), np.zeros((0, 0)), None)
    question = WordQuestion("0", None, None, passage)
    shown = example(case, question, Explanation("0", "good", "m", "pad", tokens, None, 0.01))
    assert shown.text == "a good [SEP] b"
    assert shown.spans == ((2, 6, 1.5),)
    assert shown.group == "correct: good"
    assert "0.01" in shown.note


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Questions about rows of a trained classifier, and their explanations."""
    backbone = tiny_backbone(tmp_path_factory.mktemp("faithful"))
    options = {"tuner": "full", "cut": 0, "head": "linear", "epochs": 8, "learning_rate": 3e-3}
    cache = tmp_path_factory.mktemp("cache")
    learner, schema, calibration = trained(backbone, cache, batch_size=16, **options)
    texts = [row["text"] for row in rows(30, seed=5) if row["label"] != "plain"]
    questions = ask(learner, schema, texts, texts, calibration)
    return questions, [EXPLAINERS["integrated-gradients"]().answer(each) for each in questions]


def test_weighty_words_matter_more_than_random_ones(asked):
    questions, explanations = asked
    measured = deletion_test(questions, explanations)
    assert measured.difference.low > 0
    assert measured.difference.value == pytest.approx(
        measured.weighted.value - measured.random.value
    )
    assert measured.difference.n == len(questions)
    assert deletion_test(questions, explanations) == measured
    assert [figure.n for figure in measured.figures()] == [len(questions)] * 3


def test_weights_turned_round_fail_the_deletion_test(asked):
    questions, explanations = asked
    turned = [
        Explanation(
            each.id,
            each.target,
            each.method,
            each.baseline,
            tuple(TokenWeight(t.start, t.end, t.text, -t.weight) for t in each.tokens),
            None,
            each.gap,
        )
        for each in explanations
    ]
    assert deletion_test(questions, turned).difference.high < 0


def test_texts_of_one_word_are_left_out_of_the_deletion_test(asked):
    learner = asked[0][0].learner
    schema = parts("text-classification")[3]
    questions = ask(learner, schema, ["good", ""], ["a", "b"], {})
    explanations = [EXPLAINERS["occlusion"]().answer(each) for each in questions]
    measured = deletion_test(questions, explanations)
    assert measured.difference.n == 0
    assert measured.difference.value is None


def test_words_taught_are_words_found(asked):
    questions, explanations = asked
    best = [max(each.tokens, key=lambda token: token.weight).text for each in explanations]
    assert np.mean([word in (*GOOD, *BAD) for word in best]) > 0.9
    assert len(questions) == len(best)
