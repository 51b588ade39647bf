"""Word weights: complete, in place, repeatable, and without a trace on the learner."""

import numpy as np
import pytest
import torch
from explainer_samples import BAD, GOOD, trained, untrained
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.explainers.asking import ask
from journeyman.explainers.base import EXPLAINERS
from journeyman.explainers.integrated_gradients import attributions
from journeyman.explainers.options import ExplainOptions
from journeyman.explainers.passage import Passage
from journeyman.tasks.words import TokenText
from journeyman.types import Entity

TEXT = "The film was very good, and Anna is not a terrible actor"
WAYS = [
    *(("full", cut, "linear") for cut in range(4)),
    *(("lora", cut, "linear") for cut in range(3)),
    ("none", 3, "linear"),
]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("explained"))


@pytest.fixture(scope="module")
def tuned(backbone, tmp_path_factory):
    """A classifier with every layer trained."""
    options = {"tuner": "full", "cut": 0, "head": "linear", "epochs": 8, "learning_rate": 3e-3}
    return trained(backbone, tmp_path_factory.mktemp("cache"), batch_size=16, **options)


@pytest.fixture(scope="module")
def solved(backbone, tmp_path_factory):
    """A classifier with a solved head on the frozen backbone."""
    return trained(backbone, tmp_path_factory.mktemp("cache"), head="ridge")


@pytest.fixture(scope="module")
def tagger(backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    options = {"tuner": "full", "cut": 0, "head": "linear", "epochs": 8, "learning_rate": 3e-3}
    options |= {"batch_size": 16, "head_learning_rate": 2e-2}
    return trained(backbone, folder, "token-classification", **options)


def weigh(learner, schema, text, calibration=None, method="integrated-gradients", asked=None):
    explainer = EXPLAINERS[method](ExplainOptions())
    return explainer.explain(learner, schema, [text], ["a"], calibration or {}, [asked])[0]


def ends(learner, schema, text, calibration=None):
    """The explained score of the text and of its baseline."""
    question = ask(learner, schema, [text], ["a"], calibration or {})[0]
    passage = question.passage
    return question.scores([passage.rows([passage.ids]), passage.rows([passage.baseline])])


def total(explanation):
    return sum(token.weight for token in explanation.tokens)


def size(explanation):
    return sum(abs(token.weight) for token in explanation.tokens)


@pytest.mark.parametrize(("tuner", "cut", "head"), WAYS)
def test_weights_sum_to_the_difference_at_every_cut_and_tuner(backbone, tuner, cut, head):
    learner, schema = untrained(backbone, tuner=tuner, cut=cut, head=head)
    found = weigh(learner, schema, TEXT)
    at_text, at_baseline = ends(learner, schema, TEXT)
    assert size(found) > 1e-3
    assert total(found) == pytest.approx(at_text - at_baseline, abs=0.011 * size(found))
    assert found.gap == pytest.approx(abs(total(found) - (at_text - at_baseline)), abs=1e-6)


@pytest.mark.parametrize("family", ["roberta", "distilbert", "mpnet", "modernbert", "deberta-v2"])
def test_every_family_is_explained_on_both_sides_of_a_cut(tmp_path, family):
    backbone = tiny_backbone(tmp_path, family)
    for cut in (0, 2):
        learner, schema = untrained(backbone, tuner="full", cut=cut, head="linear")
        found = weigh(learner, schema, "the film was very good and anna is a terrible actor")
        assert size(found) > 0
        assert found.gap <= 0.011 * size(found)


def test_a_solved_head_is_explained(solved):
    learner, schema, calibration = solved
    found = weigh(learner, schema, "the film was lovely", calibration)
    at_text, at_baseline = ends(learner, schema, "the film was lovely", calibration)
    assert total(found) == pytest.approx(at_text - at_baseline, abs=0.011 * size(found))


@pytest.mark.parametrize("task", ["multi-label-classification", "text-regression"])
def test_other_row_tasks_are_explained(backbone, tmp_path, task):
    learner, schema, calibration = trained(backbone, tmp_path, task, head="ridge")
    found = weigh(learner, schema, "the film was lovely", calibration)
    at_text, at_baseline = ends(learner, schema, "the film was lovely", calibration)
    assert found.target in (*schema.labels, "value")
    assert total(found) == pytest.approx(at_text - at_baseline, abs=0.011 * size(found))


def test_a_regression_is_explained_in_its_own_unit(backbone, tmp_path):
    learner, schema, calibration = trained(backbone, tmp_path, "text-regression", head="ridge")
    question = ask(learner, schema, ["the film was lovely"], ["a"], calibration)[0]
    at_text = question.scores([question.passage.inputs])[0]
    outputs = learner(learner.backbone.frozen(question.passage.inputs, learner.cut))
    assert schema.range == (-4.0, 4.0)
    assert at_text == pytest.approx(8 * float(outputs[0, 0].detach()), rel=1e-5)


def test_the_classifier_is_moved_by_the_words_it_was_taught(tuned):
    learner, schema, calibration = tuned
    for label, words in (("good", GOOD), ("bad", BAD)):
        for word in words:
            text = f"the film {word} is plot"
            found = weigh(learner, schema, text, calibration)
            assert found.target == label
            assert max(found.tokens, key=lambda token: token.weight).text == word


def test_both_explainers_agree_on_a_trained_model(tuned):
    learner, schema, calibration = tuned
    for word in (*GOOD, *BAD):
        text = f"the {word} film was story"
        by_gradient = weigh(learner, schema, text, calibration)
        by_occlusion = weigh(learner, schema, text, calibration, "occlusion")
        one = np.array([token.weight for token in by_gradient.tokens])
        two = np.array([token.weight for token in by_occlusion.tokens])
        assert one.argmax() == two.argmax() == 1
        assert np.corrcoef(one, two)[0, 1] > 0.7


def test_another_label_can_be_asked_about(tuned):
    learner, schema, calibration = tuned
    text = "the film great is plot"
    against = weigh(learner, schema, text, calibration, asked="bad")
    assert against.target == "bad"
    assert min(against.tokens, key=lambda token: token.weight).text == "great"


def test_an_unknown_label_is_refused_with_the_known_ones(tuned):
    learner, schema, calibration = tuned
    with pytest.raises(JourneymanError) as caught:
        weigh(learner, schema, "the film", calibration, asked="superb")
    assert caught.value.expected == "bad | good | plain"


def test_an_entity_is_explained_by_its_own_words(tagger):
    learner, schema, calibration = tagger
    text = TokenText("the actor anna sat was".split())
    found = weigh(learner, schema, text, calibration)
    assert found.target == "PER: anna"
    assert max(found.tokens, key=lambda token: token.weight).text == "anna"
    at_text, at_baseline = ends(learner, schema, text)
    assert total(found) == pytest.approx(at_text - at_baseline, abs=0.011 * size(found))


def test_an_entity_that_was_missed_and_a_text_without_any_can_be_asked_about(tagger):
    learner, schema, calibration = tagger
    text = TokenText("the actor sat was".split())
    assert weigh(learner, schema, text, calibration).target == "O"
    missed = weigh(learner, schema, text, calibration, asked=Entity(4, 9, "actor", "LOC", 1.0))
    assert missed.target == "LOC: actor"
    place = TokenText("the paris sat was".split())
    found = weigh(learner, schema, place, calibration, asked=Entity(4, 9, "paris", "LOC", 1.0))
    assert missed.tokens[1].weight < 0.2 * found.tokens[1].weight


def test_an_entity_that_was_cut_off_has_no_weights(tagger):
    learner, schema, calibration = tagger
    text = TokenText(["the"] * 60 + ["london"])
    lost = Entity(240, 246, "london", "LOC", 1.0)
    found = weigh(learner, schema, text, calibration, asked=lost)
    assert size(found) == 0.0
    assert found.gap == 0.0


@pytest.mark.parametrize("method", EXPLAINERS.names())
@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "这部电影很好，不差。",
        "unheardof wörds 🙂 only",
        "[SEP] [CLS] [MASK]",
        "e\u0301t  a\ngood",
    ],
)
def test_spans_point_to_the_words(tuned, method, text):
    learner, schema, calibration = tuned
    found = weigh(learner, schema, text, calibration, method)
    assert found.tokens
    last = 0
    for token in found.tokens:
        assert text[token.start : token.end] == token.text
        assert token.text.strip()
        assert token.start >= last
        last = token.end
    assert np.isfinite([token.weight for token in found.tokens]).all()


@pytest.mark.parametrize("method", EXPLAINERS.names())
@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_text_without_words_has_no_weights_and_no_gap(tuned, method, text):
    learner, schema, calibration = tuned
    found = weigh(learner, schema, text, calibration, method)
    assert found.tokens == ()
    assert found.gap == 0.0


def test_every_ideograph_is_a_word(tuned):
    learner, schema, calibration = tuned
    found = weigh(learner, schema, "电影很好", calibration)
    assert [token.text for token in found.tokens] == ["电", "影", "很", "好"]


def test_words_beyond_the_longest_input_are_left_out(tuned):
    learner, schema, calibration = tuned
    text = "good " * 100
    found = weigh(learner, schema, text, calibration)
    assert len(found.tokens) == learner.backbone.max_tokens - 2
    assert found.gap <= 0.011 * size(found) + 1e-5


def test_a_pair_is_explained_in_both_texts(backbone):
    learner, schema = untrained(backbone, tuner="full", cut=1, head="linear")
    pair = ("the good film", "a terrible actor")
    found = weigh(learner, schema, pair)
    joined = "the good film [SEP] a terrible actor"
    assert [token.text for token in found.tokens] == "the good film a terrible actor".split()
    assert all(joined[token.start : token.end] == token.text for token in found.tokens)
    at_text, at_baseline = ends(learner, schema, pair)
    assert total(found) == pytest.approx(at_text - at_baseline, abs=0.011 * size(found))


def test_a_token_over_two_words_is_shared_by_its_letters(backbone):
    passage = Passage.read(backbone, TokenText(["wonder", "ful", "a"]))
    assert passage.shares.sum(axis=0).tolist() == [0, 1, 1, 1, 0]
    backbone.tokenizer.add_tokens(["ab cd"])
    shared = Passage.read(backbone, TokenText(["ab", "cd"])).shares
    assert shared[:, 1].tolist() == [0.5, 0.5]


def test_the_same_question_has_the_same_answer(tuned):
    learner, schema, calibration = tuned
    assert weigh(learner, schema, TEXT, calibration) == weigh(learner, schema, TEXT, calibration)


def test_batching_does_not_change_the_weights(tuned, monkeypatch):
    learner, schema, calibration = tuned
    whole = weigh(learner, schema, TEXT, calibration)
    monkeypatch.setattr("journeyman.explainers.word_question.TOKENS_AT_ONCE", 40)
    parts = weigh(learner, schema, TEXT, calibration)
    pairs = zip(whole.tokens, parts.tokens, strict=True)
    assert all(a.weight == pytest.approx(b.weight, abs=1e-5) for a, b in pairs)


@pytest.mark.parametrize("method", EXPLAINERS.names())
def test_the_learner_is_left_as_it_was(backbone, method):
    learner, schema = untrained(backbone, tuner="lora", cut=1, head="linear")
    parameters = [*learner.backbone.module.parameters(), *learner.head.parameters()]
    before = [(p.requires_grad, p.detach().clone()) for p in parameters]
    with torch.no_grad():
        weigh(learner, schema, TEXT, method=method)
    weigh(learner, schema, TEXT, method=method)
    for parameter, (needed, value) in zip(parameters, before, strict=True):
        assert parameter.requires_grad == needed
        assert parameter.grad is None
        assert torch.equal(parameter, value)


def test_dropout_is_off_while_weighing_and_back_on_after(backbone):
    learner, schema = untrained(backbone, tuner="full", cut=0, head="linear")
    question = ask(learner, schema, [TEXT], ["a"], {})[0]
    explainer = EXPLAINERS["integrated-gradients"](ExplainOptions(steps=8))
    quiet = explainer.answer(question)
    learner.train(True)
    assert explainer.answer(question) == quiet
    assert learner.head.training
    assert learner.backbone.module.training
    learner.train(False)


def test_more_steps_close_the_gap(tuned, monkeypatch):
    learner, schema, calibration = tuned
    question = ask(learner, schema, [TEXT], ["a"], calibration)[0]
    kind = EXPLAINERS["integrated-gradients"]
    monkeypatch.setattr("journeyman.explainers.integrated_gradients.DOUBLINGS", 0)
    coarse = kind(ExplainOptions(steps=1)).answer(question)
    monkeypatch.undo()
    assert coarse.gap > 0.01 * size(coarse)
    assert kind(ExplainOptions(steps=2)).answer(question).gap < coarse.gap


def test_half_of_the_steps_come_first_and_are_enough_where_their_gap_is_small(tuned, monkeypatch):
    learner, schema, calibration = tuned
    question = ask(learner, schema, [TEXT], ["a"], calibration)[0]
    place = "journeyman.explainers.integrated_gradients"
    asked = []

    def counted(question, ends, steps):
        asked.append(steps)
        return attributions(question, ends, steps)

    monkeypatch.setattr(f"{place}.attributions", counted)
    explainer = EXPLAINERS["integrated-gradients"](ExplainOptions(steps=64))
    whole = explainer.answer(question)
    limit = max(0.05 * size(whole), 1e-5)
    assert whole.gap <= limit or asked == [32, 64, 128, 256]
    assert asked == [32, 64, 128, 256][: len(asked)]
    asked.clear()
    monkeypatch.setattr(f"{place}.EARLY_GAP", 1.0)
    early = explainer.answer(question)
    assert asked == [32]
    assert early.gap <= size(early)
    asked.clear()
    monkeypatch.setattr(f"{place}.EARLY_GAP", 0.0)
    monkeypatch.setattr(f"{place}.ABSOLUTE_GAP", 0.0)
    late = explainer.answer(question)
    assert asked[:2] == [32, 64]
    assert late.gap <= 0.05 * size(late)
    for mine, theirs in zip(early.tokens, late.tokens, strict=True):
        assert mine.weight == pytest.approx(theirs.weight, abs=0.1 * size(late))
