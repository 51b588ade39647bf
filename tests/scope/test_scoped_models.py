"""Models that say what is out of scope: made, saved, taught, made to forget, and asked together."""

import json
import sys

import numpy as np
import pytest
import torch
from contract_samples import made_rows, tiny_backbone
from scope_samples import OUTSIDE, asked_rows, known_model
from stream_samples import ground, recipe, texts, write

import journeyman
from journeyman.cli import main
from journeyman.continual.holdings import solved_head
from journeyman.continual.options import UpdateOptions
from journeyman.ensembles.ensemble import ensemble
from journeyman.errors import RecipeError
from journeyman.estimators.estimator import TextClassifier
from journeyman.heads.feature_map import FeatureMap
from journeyman.journey import travel
from journeyman.recipe import load_recipe

FREELY = UpdateOptions(retain=None, exam=0.0)
KERNEL = {"name": "ridge", "kernel": True}
PLAIN = {"name": "ridge", "kernel": False}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(backbone, tmp_path):
    return known_model(tmp_path, backbone, head=KERNEL, scope=True)


def metrics(model):
    return model.evaluate(asked_rows(model)).overall.metrics


@pytest.mark.parametrize(
    ("task", "said", "keeps_rows"),
    [
        ("text-classification", {"head": KERNEL}, True),
        ("text-classification", {"head": {**KERNEL, "exact_rows": 0, "features": 64}}, True),
        ("text-classification", {"head": PLAIN}, False),
        ("text-classification", {"head": "prototype"}, False),
        ("text-classification", {"head": KERNEL, "tuner": "lora", "epochs": 2}, True),
        ("text-classification", {"head": "linear", "epochs": 6}, False),
        ("image-classification", {"head": KERNEL}, True),
        ("image-classification", {"head": "linear", "epochs": 6}, False),
    ],
)
def test_rows_of_no_class_score_below_others(task, said, keeps_rows, backbone, tmp_path):
    model = known_model(tmp_path, backbone, task, scope=True, **said)
    assert (model.calibration["scope"]["nearest"] is not None) == keeps_rows
    found = metrics(model)
    assert found["known_recall"].value > 0.8
    assert found["scope_auroc"].value > (0.85 if keeps_rows else 0.6)
    assert (found["known_recall"].n, found["unknown_recall"].n) == (60, 30)


def test_a_recall_that_is_asked_for_is_kept(backbone, tmp_path):
    recalls = []
    for wanted in (0.6, 0.98):
        options = {"head": KERNEL, "scope": {"recall": wanted}}
        made = known_model(tmp_path / str(wanted), backbone, **options)
        recalls.append(metrics(made)["known_recall"].value)
    assert recalls[0] < 0.85 < recalls[1]


def test_nothing_is_said_unless_it_is_asked_for(backbone, tmp_path):
    plain = known_model(tmp_path / "plain", backbone, head=KERNEL)
    scoped = known_model(tmp_path / "scoped", backbone, head=KERNEL, scope=True)
    rows = asked_rows(plain)
    before, after = (each.predict(rows) for each in (plain, scoped))
    assert {(a.scope, a.abstained, a.reason) for a in before} == {(None, False, None)}
    assert "known_recall" not in metrics(plain)
    told = [(a.label, a.score, a.scores) for a in before]
    assert told == [(a.label, a.score, a.scores) for a in after]
    assert {a.reason for a in after} == {None, "out_of_scope"}
    assert all(a.abstained == (a.scope < 0) for a in after)


def test_it_answers_the_same_when_it_is_read_again(model):
    again = journeyman.load(model.folder)
    rows = asked_rows(model)
    assert again.predict(rows) == model.predict(rows)
    assert any(answer.abstained for answer in again.predict(rows))


def test_a_row_is_near_to_itself_unless_it_is_passed_over():
    draw = torch.Generator().manual_seed(0)
    layers = {each: torch.randn(40, 8, generator=draw) for each in (1, 2)}
    chosen = FeatureMap((1, 2), (8, 8), 30)
    chosen.fit(layers)
    chosen.place(chosen.stacked({each: part[:30] for each, part in layers.items()}))
    units = [part / part.norm(dim=1, keepdim=True) for part in layers.values()]
    cosines = sum(unit @ unit[:30].T for unit in units) / 2
    near, passed = chosen.nearest(layers), chosen.nearest(layers, own=True)
    np.testing.assert_allclose(near, cosines.max(1).values, atol=2e-3)
    np.testing.assert_allclose(near[:30], 1.0, atol=1e-4)
    cosines[torch.arange(30), torch.arange(30)] = -1.0
    np.testing.assert_allclose(passed, cosines.max(1).values, atol=2e-3)
    assert FeatureMap((1, 2), (8, 8), None).nearest(layers) is None


def test_a_class_that_is_learned_is_in_scope_from_then_on(model):
    rows = [row for row in made_rows(240, 31) if row["label"] == OUTSIDE]
    asked = [row for row in asked_rows(model) if row["label"] == OUTSIDE]
    taught = model.learn(rows, FREELY)
    assert OUTSIDE in taught.calibration["scope"]["usual"]
    before, after = (
        np.mean([answer.abstained for answer in each.predict(asked)]) for each in (model, taught)
    )
    assert before > 0.4 > 0.2 > after


def test_what_is_learned_and_forgotten_leaves_the_line_where_it_was(backbone, tmp_path):
    model = known_model(tmp_path, backbone, head=KERNEL, scope=True)
    first = [row for row in made_rows(60, 31) if row["label"] != OUTSIDE]
    more = [row for row in made_rows(60, 57) if row["label"] != OUTSIDE]
    once = model.learn(first, FREELY)
    again = once.learn(more, FREELY).unlearn(more)
    assert again.calibration["scope"] == once.calibration["scope"]
    solved_head(again)
    rows = asked_rows(model)
    assert [a.scope for a in again.predict(rows)] == [a.scope for a in once.predict(rows)]


@pytest.mark.parametrize("tuner", ["none", "lora"])
def test_a_class_that_is_forgotten_is_named_nowhere(tuner, backbone, tmp_path):
    options = {"head": KERNEL, "scope": True, "tuner": tuner, "epochs": 1}
    model = known_model(tmp_path, backbone, known=("bad", "good", "plain"), **options)
    assert OUTSIDE in model.calibration["scope"]["usual"]
    left = model.unlearn(label=OUTSIDE)
    assert set(left.calibration["scope"]["usual"]) == {"bad", "good"}
    assert metrics(left)["scope_auroc"].n == 90


def test_an_ensemble_draws_a_line_of_its_own(backbone, tmp_path):
    both = [
        known_model(tmp_path / head["name"], backbone, head=head, scope=True)
        for head in (KERNEL, {"name": "prototype"})
    ]
    together = ensemble(both)
    assert {answer.scope for answer in together.predict(made_rows(6))} == {None}
    held = [row for row in made_rows(300, 77) if row["label"] != OUTSIDE]
    found = metrics(together.calibrate(held).save(tmp_path / "both"))
    assert found["known_recall"].value > 0.8
    assert found["scope_auroc"].value > 0.6
    rows = asked_rows(both[0])
    again = journeyman.load(tmp_path / "both").predict(rows)
    assert [a.scope for a in again] == [a.scope for a in together.calibrate(held).predict(rows)]


def test_the_estimator_says_what_is_in_scope(backbone, tmp_path):
    rows = [row for row in made_rows(240, 5) if row["label"] != OUTSIDE]
    chosen = {"validation_fraction": 0.4, "head": KERNEL}
    texts_, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    found = TextClassifier(backbone.spec.reference, scope=True, **chosen).fit(texts_, labels)
    asked = made_rows(90, 7)
    inside = found.in_scope([row["text"] for row in asked])
    known = np.array([row["label"] != OUTSIDE for row in asked])
    assert inside.dtype == bool
    assert inside[known].mean() > 0.8 > 0.6 > inside[~known].mean()
    again = TextClassifier(backbone.spec.reference, **chosen).fit(texts_, labels)
    with pytest.raises(journeyman.JourneymanError, match="does not say what is out of scope"):
        again.in_scope(["the cat"])


def asked(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["journeyman", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_a_run_tells_of_it_and_a_model_is_measured_beside_outsiders(tmp_path, capsys, monkeypatch):
    place = ground(tmp_path / "stream")
    said = recipe(place, finetune={"tuner": "none", "head": KERNEL, "scope": {"recall": 0.8}})
    folder = travel(load_recipe(said)).folder
    told = json.loads((folder / "metrics.json").read_text())
    kept = told["test"]["known_recall"]
    assert told["steps"]["finetune"]["test known_recall"]["value"] == kept["value"]
    assert "called out of scope" in (folder / "report.html").read_text()
    known = write(tmp_path / "known.jsonl", texts("paris", 40, seed=5))
    (tmp_path / "unknown.txt").write_text("acme bob acme\nacme acme bob acme\n\nbob bob acme\n")
    arguments = ["evaluate", folder, "-f", known, "--unknown", tmp_path / "unknown.txt"]
    code, out, err = asked(arguments, capsys, monkeypatch)
    assert (code, err) == (0, "")
    found = json.loads(out)
    scope = found["scope"]
    assert scope["known_recall"]["n"] == 40
    assert (scope["unknown_recall"]["n"], scope["failed"]) == (3, 0)
    assert scope["known_recall"]["value"] == found["metrics"]["known_recall"]["value"]
    assert scope["scope_auroc"]["value"] > 0.7


def test_what_is_wrong_is_told(backbone, tmp_path, capsys, monkeypatch):
    known = write(tmp_path / "known.jsonl", made_rows(9))
    unknown = tmp_path / "unknown.txt"
    unknown.write_text("acme\n")

    def refused(folder, file):
        arguments = ["evaluate", folder, "-f", known, "--unknown", file]
        code, out, err = asked(arguments, capsys, monkeypatch)
        assert (code, out) == (2, "")
        return err

    plain = known_model(tmp_path / "plain", backbone, head=PLAIN).folder
    assert "finetune: {scope: true}" in refused(plain, unknown)
    options = {"head": PLAIN, "scope": {"recall": 0.999}}
    few = known_model(tmp_path / "few", backbone, **options).folder
    said = refused(few, unknown)
    assert "of 999 rows or more" in said
    assert "too few for a recall of 0.999" in said
    able = known_model(tmp_path / "able", backbone, head=PLAIN, scope=True).folder
    empty = write(tmp_path / "empty.jsonl", [{"text": ""}, {"text": "  "}])
    assert "No row of the outsiders can be answered" in refused(able, empty)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("multi-label-classification", "none already"),
        ("text-regression", "not classes"),
        ("token-classification", "not classes"),
    ],
)
def test_a_task_of_other_answers_is_told_so_before_any_work(task, why, tmp_path):
    rows = write(tmp_path / "rows.jsonl", made_rows(6))
    columns = {"text": "text", "label": "value"}
    if task == "token-classification":
        columns = {"tokens": "tokens", "tags": "tags"}
    said = {"task": task, "data": {"train": rows, **columns}, "finetune": {"scope": True}}
    with pytest.raises(RecipeError) as caught:
        load_recipe(said)
    (mistake,) = [each for each in caught.value.mistakes if "scope" in each.place]
    assert why in mistake.found
    assert "image-classification" in mistake.expected


@pytest.mark.parametrize("said", [{"recall": 1.0}, {"method": "distance"}, 0.9])
def test_what_cannot_be_meant_is_refused(said, tmp_path):
    rows = write(tmp_path / "rows.jsonl", made_rows(6))
    recipe_ = {"data": {"train": rows, "text": "text", "label": "label"}}
    with pytest.raises(RecipeError) as caught:
        load_recipe({**recipe_, "finetune": {"scope": said}})
    assert "scope" in caught.value.mistakes[0].place
