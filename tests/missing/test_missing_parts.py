"""Questions that lack a part: answered from what they have, learned for, and judged by held-out
rows."""

import json

import numpy as np
import pytest
from contract_samples import Sample, made_rows
from tiny import tiny_backbone

import journeyman
from journeyman.continual.named import Named
from journeyman.continual.pupil import Pupil
from journeyman.continual.unlearning import unlearn
from journeyman.data.identity import input_hash, row_id
from journeyman.errors import DataError, JourneymanError, RecipeError
from journeyman.recipe import load_recipe
from journeyman.training import missing_parts
from journeyman.training.augmentations.missing import changed, joined, missing_views
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.gain import Gain
from journeyman.training.missing_options import MissingOptions
from journeyman.training.missing_parts import harden
from journeyman.training.options import FinetuneOptions
from journeyman.training.self_training import Course
from journeyman.training.solving import copied, read_by
from journeyman.training.trainer import finetune


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return Sample("text-classification", tiny_backbone(tmp_path_factory.mktemp("tiny")), 40, 30)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return FeatureCache(tmp_path_factory.mktemp("cache"))


def course(sample, cache, folds=0, **said):
    options = FinetuneOptions.model_validate({"tuner": "none", "refit": False, **said})
    return Course(
        sample.task, sample.backbone, sample.schema, sample.train, sample.validation, options, 0,
        cache, folds,
    )  # fmt: skip


def begun(made):
    found = made.task, made.backbone, made.schema, made.train, made.validation, made.options
    return finetune(*found, seed=made.seed, cache=made.cache)


def test_a_view_lacks_words_and_is_known_by_the_row_it_is_of(sample):
    said = MissingOptions(words=0.5)
    view = missing_views(sample.backbone, sample.train, said, 0, 1)
    again = missing_views(sample.backbone, sample.train, said, 0, 1)
    other = missing_views(sample.backbone, sample.train, said, 0, 2)
    assert list(view.texts) == list(again.texts) != list(other.texts)
    for whole, left in zip(sample.train.texts, view.texts, strict=True):
        assert left
        assert set(left.split()) <= set(whole.split())
    lengths = [sum(len(text.split()) for text in part.texts) for part in (view, sample.train)]
    assert 0.3 < lengths[0] / lengths[1] < 0.7
    assert list(view.ids) == list(sample.train.ids)
    both = joined(sample.backbone, [sample.train, view])
    assert read_by(both) == [row_id(input_hash((text,))) for text in sample.train.texts] * 2
    assert not copied(sample.train).any()
    assert copied(both)[40:].mean() > 0.9
    assert not copied(both)[:40].any()


def test_a_pair_lacks_one_of_its_texts_at_the_share_that_is_said(tmp_path):
    backbone = tiny_backbone(tmp_path)
    sample = Sample("text-classification", backbone, 200, 2)
    texts = [(text, f"the {at % 7} cat") for at, text in enumerate(sample.train.texts)]
    from dataclasses import replace

    pairs = replace(sample.train, texts=texts, inputs=backbone.prepare(texts))
    view = missing_views(backbone, pairs, MissingOptions(fields=0.4), 0, 0)
    empty = [sum(not part for part in text) for text in view.texts]
    assert max(empty) == 1
    assert 0.28 < np.mean(empty) < 0.52
    assert {text.index("") for text in view.texts if "" in text} == {0, 1}
    fewer = changed(view, pairs)
    assert len(fewer) == sum("" in text for text in view.texts)
    assert all("" in text for text in fewer.texts)
    assert all(part in ("", whole) for text, pair in zip(view.texts, texts, strict=True)
               for part, whole in zip(text, pair, strict=True))  # fmt: skip


@pytest.mark.parametrize(("found", "kept"), [(0.1, True), (0.02, False), (-0.2, False)])
@pytest.mark.parametrize("said", [
    {"head": "ridge"},
    {"head": "linear", "tuner": "full", "cut": 2, "epochs": 1, "batch_size": 16},
])  # fmt: skip
def test_views_are_kept_where_rows_with_parts_missing_gain(
    sample, cache, monkeypatch, found, kept, said
):
    made = course(sample, cache, **said)
    start = begun(made)
    asked = []

    def judged(task, schema, metric, targets, new, old, seed):
        asked.append((len(targets), len(new), len(old)))
        return Gain(found, 0.05, 0.6 + found, 0.6)

    monkeypatch.setattr(missing_parts, "gain", judged)
    hard, onward = harden(made, start, MissingOptions(words=0.3, copies=2))
    assert asked == [(30, 30, 30)] * 2
    assert hard.kept is kept
    assert (hard.trained.learner is start.learner) is not kept
    assert hard.rows == 40
    assert 76 <= hard.views <= 80
    assert len(onward.train) == 40 + (hard.views if kept else 0)
    assert "temperature" in hard.trained.calibration


def test_penalties_are_not_chosen_by_leaving_a_row_out_whose_views_stay(sample, cache):
    made = course(sample, cache, head="ridge")
    views = missing_views(sample.backbone, sample.train, MissingOptions(words=0.3), 0, 1)
    from dataclasses import replace

    wider = replace(made, train=joined(sample.backbone, [sample.train, views]))
    assert begun(wider).learner.head.views >= 36
    assert begun(made).learner.head.views == 0


def test_there_must_be_rows_to_judge_by(sample, cache):
    made = course(sample, cache, folds=2)
    with pytest.raises(JourneymanError) as caught:
        harden(made, begun(made), MissingOptions(words=0.3))
    assert caught.value.place == "finetune.missing"
    assert "2 folds" in caught.value.found


def test_something_must_be_missing():
    with pytest.raises(ValueError, match="share"):
        MissingOptions()


def pairs(count=150, seed=0):
    rows = []
    for at, row in enumerate(made_rows(count, seed)):
        words = row["text"].split()
        parts = {"subject": words[:2], "body": words[2:]}
        texts = {name: " ".join([*part, str(at)]) for name, part in parts.items()}
        rows.append({**texts, "label": row["label"]})
    for at, row in enumerate(rows):
        if at % 5 == 0:
            row["subject" if at % 2 else "body"] = (None, "", "  ", float("nan"))[at % 4]
    return rows


def recipe(**finetune):
    return {
        "name": "run", "task": "text-classification", "backbone": "tiny",
        "data": {"train": "rows.jsonl", "text": ["subject", "body"], "label": "label"},
        "finetune": {"tuner": "none", **finetune}, "explain": {"samples": 2}, "threads": 1,
    }  # fmt: skip


def written(place, rows):
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("pays", [True, False])
def test_a_run_on_rows_with_missing_fields_trains_answers_and_tells(place, monkeypatch, pays):
    gap = 0.1 if pays else 0.0
    monkeypatch.setattr(missing_parts, "gain", lambda *_: Gain(gap, 0.05, 0.7, 0.7 - gap))
    written(place, pairs())
    model = journeyman.finetune(recipe(missing={"fields": 0.3, "words": 0.1}))
    said = json.loads((place / "runs" / "run" / "metrics.json").read_text())
    assert sum(said["data"].values()) == 150
    tuned = said["steps"]["finetune"]
    assert tuned["missing parts: kept"]["value"] == ("yes" if pays else "no")
    assert (tuned["views with parts missing"]["value"] > 0) is pays
    page = (place / "runs" / "run" / "report.html").read_text()
    assert "Questions are expected to lack 10% of the words" in page
    assert "nothing in column" in page
    whole = {"subject": "a good", "body": "film"}
    for name in whole:
        for blank in (None, "", " ", float("nan")):
            answer = model.predict([{**whole, name: blank}])[0]
            assert answer.label in model.schema.labels
            lone = {other: text for other, text in whole.items() if other != name}
            assert model.predict([lone])[0].scores == answer.scores
    assert model.predict([{"subject": "", "body": None}])[0].error["code"]


def test_a_file_may_lack_a_column_but_not_spell_it_otherwise(place):
    written(place, pairs())
    model = journeyman.finetune(recipe())
    from journeyman.data.questions import questions_in

    (place / "bodies.csv").write_text("body,other\na good film,1\n")
    (only,) = questions_in("bodies.csv", model.columns)
    assert model.predict([only])[0].label in model.schema.labels
    (place / "typo.csv").write_text("body,subjekt\na good film,a\n")
    with pytest.raises(DataError) as caught:
        list(questions_in("typo.csv", model.columns))
    assert "'subject'" in caught.value.problem
    (place / "none.csv").write_text("words,other\na good film,1\n")
    with pytest.raises(DataError):
        list(questions_in("none.csv", model.columns))


def test_a_row_is_forgotten_with_its_views(place, monkeypatch):
    monkeypatch.setattr(missing_parts, "gain", lambda *_: Gain(0.1, 0.05, 0.8, 0.7))
    written(place, pairs())
    model = journeyman.finetune(recipe(missing={"words": 0.3}))
    ledger = Pupil.of(model).learner.ledger
    counts = np.bincount(ledger.owner.numpy(), minlength=len(ledger))
    assert sorted(set(counts.tolist())) == [1, 3], "validation rows, and training rows with views"
    line = ledger.lines[int(counts.argmax())]
    left = unlearn(model, Named(inputs=frozenset([line.inputs]))).state.learner.ledger
    assert len(left.owner) == len(ledger.owner) - 3
    assert line.inputs not in {each.inputs for each in left.lines}


@pytest.mark.parametrize(("changes", "place_of"), [
    ({"task": "token-classification"}, "finetune.missing"),
    ({"data": {"text": "body"}}, "finetune.missing.fields"),
    ({"finetune": {"folds": 3}}, "finetune.missing"),
    ({"finetune": {"missing": {}}}, "finetune.missing"),
    ({"finetune": {"missing": {"words": 1.0}}}, "finetune.missing.words"),
])  # fmt: skip
def test_mistakes_are_told_before_any_work(place, changes, place_of):
    written(place, pairs())
    said = recipe(missing={"fields": 0.3})
    for name, value in changes.items():
        said[name] = {**said[name], **value} if isinstance(value, dict) else value
    with pytest.raises(RecipeError) as caught:
        load_recipe(said)
    assert any(place_of in one.place for one in caught.value.mistakes), str(caught.value)
