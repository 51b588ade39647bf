"""Self-training: what is learned from, what it is judged by, and what is kept."""

import json

import numpy as np
import pytest
import torch
from contract_samples import Sample, made_rows
from tiny import tiny_backbone, tiny_folder

from journeyman.errors import DataError, JourneymanError, RecipeError
from journeyman.tasks.text_classification import TextClassification
from journeyman.tasks.text_regression import TextRegression
from journeyman.training import self_training
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.folds import crossed
from journeyman.training.gain import Gain
from journeyman.training.options import FinetuneOptions
from journeyman.training.pseudo_labels import SelfTrainingOptions
from journeyman.training.self_training import Course, asked, before_refit, self_train
from journeyman.training.trainer import finetune, refit
from journeyman.training.unlabelled import Unlabelled

OFFERED = Unlabelled([row["text"] for row in made_rows(90, seed=5)])


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return Sample("text-classification", tiny_backbone(tmp_path_factory.mktemp("tiny")), 24, 30)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return FeatureCache(tmp_path_factory.mktemp("cache"))


def course(sample, cache, folds=0, folder=None, **said):
    options = FinetuneOptions.model_validate({"tuner": "none", "head": "prototype", **said})
    validation = sample.train if folds else sample.validation
    return Course(
        sample.task, sample.backbone, sample.schema, sample.train, validation, options, 0, cache,
        folds, folder,
    )  # fmt: skip


def begun(course):
    found = course.task, course.backbone, course.schema, course.train
    options = before_refit(course.options)
    how = {"seed": course.seed, "cache": course.cache}
    if course.folds:
        return crossed(*found, len(course.validation), options, folds=course.folds, **how)
    return finetune(*found, course.validation, options, **how)


def trained_on(course, refits=False, offered=OFFERED, **said):
    options = SelfTrainingOptions(**{"precision": 0.7, **said})
    return self_train(course, begun(course), offered, options, refits=refits)


@pytest.fixture
def paying(monkeypatch):
    """Every round gains."""
    monkeypatch.setattr(self_training, "gain", lambda *_: Gain(0.1, 0.05, 0.8, 0.7))


def rows_of(trained):
    return trained.learner.head.statistics()["count"].item()


def same(one, other):
    return torch.equal(one.learner.head.weight, other.learner.head.weight)


def test_sure_answers_are_learned_from_beside_the_labelled_rows(sample, cache, paying):
    found = trained_on(course(sample, cache, self_training=True), rounds=1, precision=0.8)
    (only,) = found.rounds
    assert only.kept
    assert only.offered == 90
    assert 0 < only.taken == found.rows < 90
    assert sum(only.labels.values()) == only.taken
    assert rows_of(found.trained) == 24 + only.taken
    assert only.threshold.rows >= 10
    assert (only.threshold.right + 1) / (only.threshold.rows + 2) >= 0.8


@pytest.mark.parametrize("folds", [0, 3])
def test_consistency_learns_changed_views_of_what_is_taken(sample, cache, paying, folds):
    made = course(sample, cache, folds, self_training=True)
    plain = trained_on(made, rounds=1, precision=0.6)
    found = trained_on(made, rounds=1, precision=0.6, consistency={"copies": 2, "strength": 0.3})
    assert found.rounds[0].labels == plain.rounds[0].labels
    views = rows_of(found.trained) - rows_of(plain.trained)
    assert plain.rows < views <= 2 * plain.rows


def test_views_are_drawn_once_for_all_folds_and_rounds(sample, tmp_path, paying, monkeypatch):
    lessons = []
    real = self_training.with_pseudo_labels

    def watched(task, backbone, schema, learned, more, labels):
        lessons.append(
            {text: schema.labels[at] for text, at in zip(more.texts, labels, strict=True)}
        )
        return real(task, backbone, schema, learned, more, labels)

    monkeypatch.setattr(self_training, "with_pseudo_labels", watched)
    said = {"copies": 2, "strength": 0.3}
    made = course(sample, FeatureCache(tmp_path / "own"), 3, self_training=True)
    trained_on(made, rounds=2, precision=0.6, consistency=said)
    assert len(lessons) >= 4
    texts = set().union(*lessons)
    whole = set(OFFERED.texts)
    views = texts - whole
    assert views
    assert len(views) <= 2 * len(texts & whole)


def test_labels_that_are_learned_are_mostly_the_true_ones(sample, cache, monkeypatch):
    truths = {row["text"]: row["label"] for row in made_rows(90, seed=5)}
    seen = []
    real = self_training.with_pseudo_labels

    def watched(task, backbone, schema, learned, more, labels):
        seen.extend(zip(more.texts, [schema.labels[at] for at in labels], strict=True))
        return real(task, backbone, schema, learned, more, labels)

    monkeypatch.setattr(self_training, "with_pseudo_labels", watched)
    trained_on(course(sample, cache, self_training=True), rounds=1, precision=0.8)
    assert len(seen) > 10
    assert np.mean([truths[text] == label for text, label in seen]) > 0.7


def test_validation_rows_are_taken_in_once_all_rounds_are_over(sample, cache, paying):
    alone = trained_on(course(sample, cache, self_training=True))
    whole = trained_on(course(sample, cache, self_training=True), refits=True)
    assert rows_of(whole.trained) == rows_of(alone.trained) + 30
    assert [one.after for one in whole.rounds] == [one.after for one in alone.rounds]


@pytest.mark.parametrize("more", [{}, {"balance": 1.0}, {"head": "ridge"}])
def test_refitting_later_is_refitting_at_once(sample, cache, more):
    made = course(sample, cache, **more)
    found = made.task, made.backbone, made.schema, made.train, made.validation
    at_once = finetune(*found, made.options, seed=0, cache=cache)
    options = made.options.model_copy(update={"refit": False})
    later = finetune(*found, options, seed=0, cache=cache)
    assert not torch.equal(*(one.learner.head.statistics()["cross"] for one in (at_once, later)))
    refit(later, made.schema, made.validation, cache)
    for name, value in at_once.learner.head.state_dict().items():
        assert torch.equal(later.learner.head.state_dict()[name], value), name


def test_only_self_training_waits_with_refitting():
    said = FinetuneOptions.model_validate({"self_training": True})
    assert not before_refit(said).refit
    assert before_refit(FinetuneOptions()).refit
    assert not before_refit(FinetuneOptions(refit=False)).refit


def test_a_model_that_is_worse_is_left(sample, cache, monkeypatch):
    made = course(sample, cache, self_training=True)
    monkeypatch.setattr(self_training, "gain", lambda *_: Gain(-0.2, 0.1, 0.5, 0.7))
    found = trained_on(made)
    assert [one.kept for one in found.rounds] == [False]
    assert "does not gain" in found.rounds[0].why
    assert (found.rounds[0].before, found.rounds[0].after) == (0.7, 0.5)
    assert found.rows == 0
    assert same(found.trained, begun(made))


def test_a_model_that_merely_holds_is_left(sample, cache, monkeypatch):
    monkeypatch.setattr(self_training, "gain", lambda *_: Gain(0.05, 0.1, 0.75, 0.7))
    found = trained_on(course(sample, cache, self_training=True))
    assert [one.kept for one in found.rounds] == [False]
    assert found.rounds[0].taken > 0 == found.rows


def test_the_same_rows_again_end_the_rounds(sample, cache, paying):
    found = trained_on(course(sample, cache, self_training=True), rounds=20)
    assert 1 < len(found.rounds) < 20
    assert "same rows" in found.rounds[-1].why
    assert found.rows == found.rounds[-2].taken > 0


def test_without_evidence_nothing_is_taken(sample, cache):
    strict = trained_on(course(sample, cache), precision=0.99)
    assert [(one.taken, one.kept) for one in strict.rounds] == [(0, False)]
    assert "at no confidence" in strict.rounds[0].why
    few = Sample("text-classification", sample.backbone, 24, 6)
    assert "too few" in trained_on(course(few, cache)).rounds[0].why
    none = Sample("text-classification", sample.backbone, 24, 0)
    found = trained_on(course(none, cache), refits=True)
    assert "0 held-out answers" in found.rounds[0].why
    assert rows_of(found.trained) == 24


def test_training_that_fails_leaves_the_model_before(sample, cache, monkeypatch):
    made = course(sample, cache)
    start = begun(made)

    def diverged(*_, **__):
        raise JourneymanError("Training diverged.")

    monkeypatch.setattr(self_training, "finetune", diverged)
    found = self_train(made, start, OFFERED, SelfTrainingOptions(precision=0.7))
    assert found.trained is start
    assert found.rounds[0].why == "failed: Training diverged."


def test_each_fold_learns_from_its_own_answers_and_labelled_rows_alone_judge(
    sample, cache, monkeypatch, paying
):
    lessons = []
    real = self_training.with_pseudo_labels

    def watched(*said):
        lessons.append((len(said[3]), tuple(said[4].texts), tuple(said[5].tolist())))
        return real(*said)

    monkeypatch.setattr(self_training, "with_pseudo_labels", watched)
    found = trained_on(course(sample, cache, folds=3), rounds=1, refits=True)
    assert found.rounds[0].kept
    assert [count for count, *_ in lessons] == [16, 16, 16, 24]
    assert len({said[1:] for said in lessons}) > 1
    assert len(lessons[-1][1]) == found.rows == found.rounds[0].taken
    assert len(found.trained.outputs) == 24
    assert rows_of(found.trained) == 24 + found.rows


@pytest.mark.parametrize("folds", [0, 2])
def test_tuned_layers_learn_too_and_the_same_call_gives_the_same(
    sample, cache, folds, tmp_path, paying
):
    said = {
        "tuner": "full", "cut": 2, "head": "ridge", "epochs": 2, "batch_size": 16,
        "class_weights": True,
    }  # fmt: skip
    one, other = (
        trained_on(
            course(sample, cache, folds, tmp_path / str(at), **said), rounds=1, precision=0.6
        )
        for at in range(2)
    )
    assert one.rounds == other.rounds
    assert one.rows > 0
    for name, value in one.trained.learner.parameters().items():
        assert torch.equal(value, other.trained.learner.parameters()[name])
    assert all(map(np.array_equal, one.trained.outputs, other.trained.outputs))


@pytest.mark.parametrize("task", ["text-regression", "multi-label-classification"])
def test_a_task_without_one_label_a_row_is_refused(task, sample, cache):
    other = Sample(task, sample.backbone, 12, 6)
    made = course(other, cache, head="ridge")
    with pytest.raises(JourneymanError) as caught:
        self_train(made, begun(made), OFFERED, SelfTrainingOptions())
    assert caught.value.place == "finetune.self_training"


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ground")
    tiny_folder(folder / "tiny")
    labelled = made_rows(120)
    lines = [f"{row['text']},{row['label']}" for row in labelled]
    (folder / "rows.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    texts = [row["text"] for row in made_rows(60, seed=5)]
    (folder / "more.txt").write_text("\n".join([*texts, texts[0], labelled[0]["text"]]) + "\n")
    rows = [json.dumps({"text": f"the {row['text']}"}) for row in made_rows(20, seed=6)]
    (folder / "more.jsonl").write_text("\n".join([*rows, json.dumps({"text": ""})]) + "\n")
    return folder


def recipe(ground, output, self_training=None, **more):
    said = {"precision": 0.6, **(self_training or {})}
    return {
        "name": "self",
        "task": "text-classification",
        "backbone": str(ground / "tiny"),
        "data": {
            "train": str(ground / "rows.csv"), "text": "text", "label": "label",
            "unlabelled": [str(ground / "more.txt"), str(ground / "more.jsonl")],
        },
        "finetune": {"tuner": "none", "head": "prototype", "self_training": said, **more},
        "explain": {"samples": 1}, "trackers": [], "threads": 1, "output": str(output),
    }  # fmt: skip


def told(folder):
    steps = json.loads((folder / "metrics.json").read_text())["steps"]
    return {name: figure["value"] for name, figure in steps["finetune"].items()}


def test_a_run_tells_of_consistency(ground, tmp_path):
    import journeyman

    journeyman.finetune(recipe(ground, tmp_path / "run", {"consistency": {"copies": 2}}))
    page = (tmp_path / "run" / "report.html").read_text()
    assert "learned in 2 changed views too" in page


@pytest.mark.parametrize("more", [
    {},
    {"tuner": "auto", "head": None, "epochs": 1, "batch_size": 16, "folds": 0},
    {"tuner": "auto", "head": None, "epochs": 1, "batch_size": 32, "folds": 2},
], ids=["plain", "ladder", "ladder-folds"])  # fmt: skip
def test_a_run_tells_of_its_rounds_and_its_model_answers(ground, tmp_path, more):
    import journeyman

    model = journeyman.finetune(recipe(ground, tmp_path / "run", **more))
    said = told(tmp_path / "run")
    assert said["unlabelled rows"] + said["unlabelled rows that have labels elsewhere"] > 70
    assert said["unlabelled rows that have labels elsewhere"] >= 1
    assert said["unlabelled rows refused"] == 1
    assert said["self-training round 1: rows taken"] > 0
    assert model.about["pseudo_labels"] == said["rows with pseudo-labels"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Rounds of self-training" in page
    answers = model.predict(["a good fine film", "an awful bad plot"])
    assert all(answer.label in model.schema.labels for answer in answers)


@pytest.mark.parametrize(("changes", "tried"), [
    ({"tuner": "auto"}, True),
    ({"tuner": "none"}, False),
    ({"tuner": "auto", "self_training": False}, False),
    ({"tuner": "auto", "balance": {"power": 0.5, "within": "domain"}}, False),
])  # fmt: skip
def test_auto_tries_it_where_there_are_texts_and_nothing_is_said(changes, tried):
    options = FinetuneOptions.model_validate(changes)
    task = TextClassification()
    assert bool(asked(options, task, ["more.txt"]).self_training) is tried
    assert not asked(options, task, []).self_training
    assert not asked(options, TextRegression(), ["more.txt"]).self_training


def test_a_run_whose_task_is_seen_from_the_data_tries_it_unasked(ground, tmp_path):
    import journeyman

    said = recipe(ground, tmp_path / "run", tuner="auto", head=None, epochs=1, batch_size=32)
    del said["task"], said["finetune"]["self_training"]
    said["data"]["unlabelled"] = [str(ground / "more.txt")]
    journeyman.finetune(said)
    assert told(tmp_path / "run")["unlabelled rows"] > 50


def test_unlabelled_rows_that_change_train_again(ground, tmp_path):
    import shutil

    from journeyman.journey import input_files, travel
    from journeyman.recipe import load_recipe

    own = tmp_path / "more.txt"
    shutil.copy(ground / "more.txt", own)
    said = recipe(ground, tmp_path / "run")
    said["data"]["unlabelled"] = str(own)
    chosen = load_recipe(said)
    assert own in input_files(chosen)
    assert travel(chosen).fresh
    assert not travel(chosen).fresh
    own.write_text(own.read_text() + "a lovely great story\n")
    assert travel(chosen).fresh


def test_rows_that_all_have_labels_are_told_before_training(ground, tmp_path):
    import journeyman

    said = recipe(ground, tmp_path / "run")
    said["data"]["unlabelled"] = []
    with pytest.raises(DataError) as caught:
        journeyman.finetune(said)
    assert "finetune.self_training" in caught.value.place
    assert not (tmp_path / "run" / "model").exists()


def test_no_text_that_is_left_is_an_error(ground, tmp_path):
    import journeyman

    said = recipe(ground, tmp_path / "run")
    (tmp_path / "only.csv").write_text("text\n" + "\n".join(
        row.split(",")[0] for row in (ground / "rows.csv").read_text().splitlines()[1:4]
    ) + "\n")  # fmt: skip
    said["data"]["unlabelled"] = str(tmp_path / "only.csv")
    with pytest.raises(DataError) as caught:
        journeyman.finetune(said)
    assert "only.csv" in caught.value.place
    assert "3 of them labelled" in caught.value.found


@pytest.mark.parametrize(("changes", "place"), [
    ({"data": {"unlabelled": ["nowhere.txt"]}}, "data.unlabelled"),
    ({"task": "text-regression"}, "finetune.self_training"),
    ({"data": {"slices": ["domain"]}, "finetune": {"balance": {"within": "domain"}}},
     "finetune.balance.within"),
    ({"transfer": {"data": {"train": "rows.csv", "unlabelled": "more.txt"}}},
     "transfer.data.unlabelled"),
])  # fmt: skip
def test_mistakes_are_told_before_any_work(ground, tmp_path, changes, place):
    from journeyman.recipe import load_recipe

    said = recipe(ground, tmp_path / "run")
    said["finetune"].pop("head")
    for name, value in changes.items():
        said[name] = {**said.get(name, {}), **value} if isinstance(value, dict) else value
    with pytest.raises(RecipeError) as caught:
        load_recipe(said)
    assert any(place in one.place for one in caught.value.mistakes), str(caught.value)
