"""Tagging words: only valid sequences, and offsets that point at the words of any script."""

import itertools

import numpy as np
import pytest
import torch
from contract_samples import Sample
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_backbone

from journeyman.tasks.base import IGNORED, Schema
from journeyman.tasks.bio import best_path, forbidden, spans_of, tag_set
from journeyman.tasks.token_classification import TokenClassification
from journeyman.tasks.words import TokenText, first_tokens, words_of
from journeyman.training.learner import Learner
from journeyman.training.solving import solver_rows
from journeyman.types import EntitiesPrediction

TAGS = tag_set(["LOC", "PER"])
TASK = TokenClassification()
SCHEMA = Schema(TAGS, (1,) * len(TAGS))


def valid(tags):
    before = "O"
    for tag in tags:
        if tag.startswith("I-") and before[2:] != tag[2:]:
            return False
        before = tag
    return True


def scores_of(words, seed, spread):
    return spread * np.random.default_rng(seed).normal(size=(words, len(TAGS)))


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-3, 1.0, 1e4]))
@settings(max_examples=150, deadline=None)
def test_no_scores_make_an_invalid_sequence(words, seed, spread):
    path = best_path(scores_of(words, seed, spread), forbidden(TAGS))
    assert len(path) == words
    assert valid([TAGS[i] for i in path])


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_path_is_the_best_of_all_valid_ones(words, seed):
    scores = scores_of(words, seed, 1.0)
    best = max(
        (
            path
            for path in itertools.product(range(len(TAGS)), repeat=words)
            if valid([TAGS[i] for i in path])
        ),
        key=lambda path: sum(scores[at, tag] for at, tag in enumerate(path)),
    )
    assert tuple(best_path(scores, forbidden(TAGS))) == best


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_answers_are_spans_in_order_that_never_overlap(seed, words):
    text = TokenText([f"w{at}" for at in range(words)])
    outputs = [scores_of(words, seed, 3.0).astype(np.float32)]
    (answer,) = TASK.decode(outputs, SCHEMA, {"temperature": 2.0}, ["a"], [text])
    assert isinstance(answer, EntitiesPrediction)
    end = 0
    for entity in answer.entities:
        assert entity.start >= end
        assert entity.end > entity.start
        assert text[entity.start : entity.end] == entity.text
        assert entity.label in ("LOC", "PER")
        assert 0.0 <= entity.score <= 1.0
        end = entity.end


def test_no_words_have_no_path():
    assert best_path(np.zeros((0, len(TAGS))), forbidden(TAGS)) == []
    assert spans_of([]) == []


def answered(text, tags):
    """The entities found where every word's tag is certain."""
    place = {tag: at for at, tag in enumerate(TAGS)}
    outputs = [20.0 * np.eye(len(TAGS), dtype=np.float32)[[place[tag] for tag in tags]]]
    (answer,) = TASK.decode(outputs, SCHEMA, {}, ["a"], [text])
    return [(e.start, e.end, e.text, e.label) for e in answer.entities]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("我在北京", ["我", "在", "北", "京"]),
        ("Anna  went   to Rome", ["Anna", "went", "to", "Rome"]),
        ("hi 🎉👩‍👩‍👧 Anna", None),
        ("", []),
        ("   ", []),
        ("U.S. and e-mail, can't", ["U.S", ".", "and", "e-mail", ",", "can't"]),
        ("在Paris工作", ["在", "Paris", "工", "作"]),
        ("see https://a.b/c?d=e now", ["see", "https://a.b/c?d=e", "now"]),
        ("naïve café Ωμέγα", ["naïve", "café", "Ωμέγα"]),
    ],
)
def test_words_are_found_where_they_stand(text, words):
    found = words_of(text)
    if words is not None:
        assert [text[a:b] for a, b in found] == words
    assert all(text[a:b].strip() == text[a:b] != "" for a, b in found)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(found))
    covered = "".join(text[a:b] for a, b in found)
    assert [c for c in text if c.isalnum()] == [c for c in covered if c.isalnum()]


@given(st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_words_of_any_text_are_in_order(text):
    found = words_of(text)
    assert all(0 <= a < b <= len(text) for a, b in found)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(found))


def test_spans_are_code_points_of_the_original_text():
    assert answered("我在北京🎉", ["O", "O", "B-LOC", "I-LOC", "O"]) == [(2, 4, "北京", "LOC")]
    spaced = "Anna   Smith  in Rome"
    tags = ["B-PER", "I-PER", "O", "B-LOC"]
    assert answered(spaced, tags) == [(0, 12, "Anna   Smith", "PER"), (17, 21, "Rome", "LOC")]
    given = TokenText(["🎉", "Anna", "Smith"])
    assert answered(given, ["O", "B-PER", "I-PER"]) == [(2, 12, "Anna Smith", "PER")]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("tags"), max_tokens=8)


def picking(backbone):
    """A copy whose tokenizer drops what BERT's own drops: marks no word is left of."""
    from tokenizers import normalizers

    copy = backbone.clone(None)
    copy.tokenizer = type(backbone.tokenizer).from_str(backbone.tokenizer.to_str())
    copy.tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=True)
    return copy


TEXTS_OF_WORDS = [
    ["anna", "sat", "in", "london"],
    ["the", "\u200d", "anna", "\ufe0f", "london"],
    ["the", "cat", "sat", "on", "the", "mat", "in", "london", "and", "anna"],
    ["\u200d"],
]


def tags_for(words):
    place = {"anna": "B-PER", "london": "B-LOC"}
    return tuple(place.get(word, "O") for word in words)


def examples_of(backbone, texts_of_words):
    from journeyman.training.examples import Examples

    texts = [TokenText(words) for words in texts_of_words]
    targets = [tags_for(words) for words in texts_of_words]
    inputs = backbone.prepare(texts)
    return Examples(texts, inputs, targets, TASK.encode(targets, SCHEMA, inputs, texts))


def test_targets_stand_at_each_words_first_token(backbone):
    own = picking(backbone)
    examples = examples_of(own, TEXTS_OF_WORDS)
    for at, words in enumerate(TEXTS_OF_WORDS):
        encoded = examples.encoded.rows[at]
        tokens = first_tokens(words_of(examples.texts[at]), examples.inputs, at)
        assert len(encoded) == examples.inputs.lengths[at]
        for word, token in zip(words, tokens, strict=True):
            if token >= 0:
                assert TAGS[encoded[token]] == tags_for([word])[0]
        assert int((encoded != IGNORED).sum()) == int((tokens >= 0).sum())


def test_words_that_are_cut_off_or_dropped_are_certain_to_be_outside(backbone):
    own = picking(backbone)
    examples = examples_of(own, TEXTS_OF_WORDS)
    width = int(examples.inputs.lengths.max())
    outputs = torch.zeros(len(examples), width, len(TAGS))
    outputs[..., TAGS.index("B-PER")] = 5.0
    split = TASK.split_outputs(outputs, examples.inputs, examples.texts)
    for words, rows in zip(TEXTS_OF_WORDS, split, strict=True):
        assert rows.shape == (len(words), len(TAGS))
    assert [int(row.argmax()) for row in split[2]] == [TAGS.index("B-PER")] * 6 + [0] * 4
    assert [int(row.argmax()) for row in split[1]] == [1 + 2, 0, 1 + 2, 0, 1 + 2]
    answers = TASK.decode(split, SCHEMA, {}, ["a", "b", "c", "d"], examples.texts)
    for answer, text in zip(answers, examples.texts, strict=True):
        assert all(text[e.start : e.end] == e.text for e in answer.entities)


def test_words_that_no_token_is_read_for_do_not_spoil_the_temperature(backbone):
    """The certainty of words that were cut off is not the model's, and not to be calibrated."""
    own = picking(backbone)
    words = [["anna", "sat", "in", "london"]] * 20
    long = [*words, ["the", "cat", "sat", "on", "the", "mat", "in", "london", "and", "anna"]]
    draw = torch.Generator().manual_seed(0)

    def temperature(texts_of_words):
        examples = examples_of(own, texts_of_words)
        width = int(examples.inputs.lengths.max())
        outputs = 0.5 * torch.randn(len(examples), width, len(TAGS), generator=draw.manual_seed(0))
        for row, encoded in zip(outputs, examples.encoded.rows, strict=True):
            for at, tag in enumerate(encoded):
                if tag != IGNORED:
                    row[at, tag] += 2.0
        split = TASK.split_outputs(outputs, examples.inputs, examples.texts)
        return TASK.calibrate(split, examples.targets, SCHEMA, None)["temperature"]

    assert temperature(long) == pytest.approx(temperature(words), rel=0.3)


def test_a_solved_head_is_judged_on_the_words_its_scores_are_of(backbone, monkeypatch):
    """Words without a token stand in the middle of texts, not only at the end."""
    from journeyman.training import solving

    own = picking(backbone)
    texts_of_words = [
        ["the", "\u200d", "anna", "\ufe0f", "london"],
        ["anna", "sat", "in", "london"],
        ["\ufe0f", "london", "cat", "anna"],
        ["the", "cat", "sat", "on", "the", "mat", "in", "london", "and", "anna"],
    ] * 6
    sample = Sample("token-classification", own, train=12, validation=6)
    sample.schema = SCHEMA
    learner = sample.learner(head="ridge", tuner="none")
    examples = examples_of(own, texts_of_words)
    source = learner.uncached(examples)
    split = solving.Split(examples, source)
    seen, real = {}, learner.head.solve

    def solve(train, targets, validation, score, *, leave_one_out):
        seen["score"] = score(20.0 * TASK.matrix(examples.encoded, SCHEMA))
        return real(train, targets, validation, score, leave_one_out=leave_one_out)

    monkeypatch.setattr(learner.head, "solve", solve)
    solving.solve(learner, SCHEMA, split, split, metric="span_f1")
    kept = [
        [tag if token >= 0 else "O" for tag, token in zip(tags, tokens, strict=True)]
        for tags, tokens in zip(
            examples.targets,
            (
                first_tokens(words_of(text), examples.inputs, at)
                for at, text in enumerate(examples.texts)
            ),
            strict=True,
        )
    ]
    place = {tag: at for at, tag in enumerate(TAGS)}
    best = [np.eye(len(TAGS))[[place[tag] for tag in tags]] for tags in kept]
    assert seen["score"] == pytest.approx(TASK.score(best, examples.targets, SCHEMA, "span_f1"))
    assert seen["score"] > 0.7
    rows = solver_rows(learner, split)
    assert len(rows[own.spec.depth]) == len(TASK.matrix(examples.encoded, SCHEMA))
    assert isinstance(learner, Learner)
