"""A recipe with a transfer: an ordinary model arrives, with its parent, its figures and chapter."""

import json
import shutil
from dataclasses import replace

import pytest
from tiny import tiny_folder
from transfer_samples import ground, recipe, target

import journeyman
from journeyman.data.collection import Collection
from journeyman.errors import RecipeError
from journeyman.journey import travel
from journeyman.recipe import load_recipe


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return ground(tmp_path_factory.mktemp("transfer"))


@pytest.fixture(scope="module")
def arrived(place, tmp_path_factory):
    """A source learned and carried over to few labels of the target."""
    patch = pytest.MonkeyPatch()
    patch.setenv("JOURNEYMAN_HOME", str(tmp_path_factory.mktemp("home")))
    said = {"data": target(place), "labels": 12, "curve": {"draws": 2}}
    explain = {"samples": 4}
    found = travel(load_recipe(recipe(place, place / "run", transfer=said, explain=explain)))
    patch.undo()
    return found.folder


def figures(folder):
    return json.loads((folder / "metrics.json").read_text())["steps"]["transfer"]


def test_what_arrives_is_an_ordinary_model(arrived):
    source, model = journeyman.load(arrived), journeyman.load(arrived / "transfer")
    assert model.about["parent"] == source.version
    assert [each["version"] for each in model.about["lineage"]] == [source.version]
    assert model.learner.tuner.name == "full"
    answer = model.predict("the film was awful and bad")[0]
    assert answer.label in model.schema.labels
    assert model.explain("the film was awful and bad")[0].tokens
    again = journeyman.load(model.save(arrived / "copy").folder)
    assert again.predict("a fine story")[0].scores == model.predict("a fine story")[0].scores


def test_its_figures_stand_beside_learning_without_it(arrived):
    told = figures(arrived)
    assert told["labelled rows"]["value"] == 12
    for name in ("test macro_f1", "this run's model as it is: test macro_f1"):
        assert told[name]["low"] <= told[name]["value"] <= told[name]["high"]
    page = (arrived / "report.html").read_text()
    for title in ("Learning curve with and without", "Labels saved at equal score"):
        assert title in page


def test_the_model_that_arrives_is_the_one_explained(arrived):
    section = json.loads((arrived / "sections" / "explain.json").read_text())
    assert "the model that transfer made" in section["prose"][0]
    model, shown = journeyman.load(arrived / "transfer"), section["examples"]
    assert len(shown) == 4
    tests = [row["text"] for row in Collection.load(arrived / "transfer" / "data").test.rows()]
    for each in shown:
        assert each["text"] in tests
        assert each["predicted"] == model.predict(each["text"])[0].label


def test_nothing_runs_again_and_a_changed_transfer_alone_does(arrived, place, monkeypatch):
    said = {"data": target(place), "labels": 12, "curve": {"draws": 2}}
    chosen = recipe(place, place / "run", transfer=said, explain={"samples": 4})
    assert not travel(load_recipe(chosen)).fresh
    ran = []
    from journeyman import journey

    def telling(step):
        def run(workspace):
            ran.append(step.verb)
            return step.run(workspace)

        return replace(step, run=run)

    monkeypatch.setattr(journey, "STEPS", tuple(map(telling, journey.STEPS)))
    said = {**said, "labels": 10, "curve": {"draws": 0}}
    travel(load_recipe(recipe(place, place / "run", transfer=said)))
    assert ran == ["transfer", "explain"]


def test_a_model_that_was_deleted_is_made_again(place, tmp_path):
    said = {"data": target(place), "labels": 12, "curve": {"draws": 0}}
    chosen = recipe(place, tmp_path / "run", transfer=said)
    travel(load_recipe(chosen))
    for name in ("transfer/model", "model"):
        model = tmp_path / "run" / name
        before = {path.name: path.read_bytes() for path in model.rglob("*") if path.is_file()}
        shutil.rmtree(model)
        assert travel(load_recipe(chosen)).fresh
        after = {path.name: path.read_bytes() for path in model.rglob("*") if path.is_file()}
        assert after == before
        assert not travel(load_recipe(chosen)).fresh


def test_a_candidate_is_warmed_up_from_for_the_recipes_own_data(arrived, place):
    said = {"candidates": [str(arrived)], "start": "model", "tune": "layers"}
    own = {**recipe(place, place / "other", transfer={**said, "curve": {"draws": 0}})}
    own["data"] = target(place)
    folder = travel(load_recipe(own)).folder
    model = journeyman.load(folder / "transfer")
    assert model.about["parent"] == journeyman.load(arrived).version
    assert (folder / "transfer/model/exam.safetensors").is_file()  # All labels count.


def test_a_student_is_taught_and_measured_beside_itself(arrived, place):
    said = {"distil": {"teacher": str(arrived), "temperature": 3}, "labels": 12}
    own = {**recipe(place, place / "student", transfer=said), "data": target(place)}
    own["finetune"] = {"tuner": "none", "head": "ridge"}
    folder = travel(load_recipe(own)).folder
    told = figures(folder)
    assert told["labelled rows"]["value"] + told["unlabelled rows"]["value"] == 56
    assert {"teacher: test macro_f1", "student, labels alone: test macro_f1"} <= set(told)
    assert journeyman.load(folder / "transfer").learner.tuner.name == "none"


def test_this_runs_model_is_taught_into_another_backbone(place, tmp_path):
    smaller = tiny_folder(place / "smaller", "distilbert")
    said = {"distil": {"into": str(smaller)}, "labels": 20}
    own = recipe(place, tmp_path / "run", transfer=said, explain={"samples": 2})
    folder = travel(load_recipe(own)).folder
    teacher, student = journeyman.load(folder), journeyman.load(folder / "transfer")
    assert teacher.learner.backbone.spec.name != student.learner.backbone.spec.name
    assert student.about["parent"] == teacher.version
    answer = student.predict("the film was awful and bad")[0]
    shown = json.loads((folder / "sections" / "explain.json").read_text())["examples"]
    assert len(shown) == 2
    assert answer.label in student.schema.labels
    for each in shown:
        assert each["predicted"] == student.predict(each["text"])[0].label


def test_a_source_with_a_kernel_is_carried_over(place, tmp_path):
    said = {"data": target(place), "labels": 12, "tune": "head", "curve": {"draws": 0}}
    own = recipe(place, tmp_path / "run", transfer=said)
    own["finetune"]["head"] = {"name": "ridge", "kernel": True}
    folder = travel(load_recipe(own)).folder
    assert journeyman.load(folder).learner.head.choices["kernel"] is True
    carried = journeyman.load(folder / "transfer")
    assert carried.learner.head.choices["kernel"] is False
    assert carried.predict("the film was awful and bad")[0].label in carried.schema.labels


def test_the_curve_may_tune_the_layers_at_each_point(place, tmp_path):
    said = {"data": target(place), "labels": 12, "curve": {"draws": 1, "tuned": True}}
    folder = travel(load_recipe(recipe(place, tmp_path / "run", transfer=said))).folder
    page = (folder / "report.html").read_text()
    assert "Learning curve with and without" in page
    charts = json.loads((folder / "sections" / "transfer.json").read_text())["charts"]
    named = {line["name"] for chart in charts for line in chart["series"]}
    assert any("tuned" in name for name in named), named


BAD = [
    ({}, "transfer", "give `data`, `candidates` or `distil`"),
    ({"candidates": ["runs/none"]}, "transfer.candidates.0", "make one"),
    ({"data": {"train": "missing.csv"}}, "transfer.data.train", "check the path"),
    ({"data": {"dataset": "snippet"}}, "transfer.data.dataset", "did you mean 'snippets'"),
    ({"distil": {"into": "minilm-l66"}}, "transfer.distil.into", "did you mean 'minilm-l6'"),
    ({"distil": {}}, "transfer", "give `distil` a `teacher` or `into`"),
    ({"distil": {"into": "minilm-l6"}, "start": "plain"}, "transfer", "starts from no model"),
    ({"distil": {"into": "minilm-l6", "unlabelled": "no.csv"}}, "distil.unlabelled", "check the"),
    ({"data": {"train": "a.csv", "where": {}}}, "transfer.data.where", "an object"),
    ({"labels": 2, "candidates": ["a"]}, "transfer.labels", "leave it out"),
]


@pytest.mark.parametrize(("said", "at", "remedy"), BAD, ids=[str(b[0]) for b in BAD])
def test_mistakes_are_told_before_any_work(said, at, remedy, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe(place, place / "bad", transfer=said))
    told = [m for m in caught.value.mistakes if at in m.place]
    assert any(remedy in str(mistake) for mistake in told), [str(m) for m in told]
    assert not (place / "bad").exists()


def test_tokens_are_not_carried_over(place):
    said = {**recipe(place, place / "bad", transfer={"candidates": ["x"]}), "finetune": {}}
    said["task"] = "token-classification"
    with pytest.raises(RecipeError, match="cannot be carried over"):
        load_recipe(said)
