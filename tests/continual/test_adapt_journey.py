"""A recipe whose data arrives in turn: learned, examined, kept as versions, and told."""

import json

import pytest
from stream_samples import ground, recipe, texts, write

import journeyman
from journeyman.continual.holdings import solved_head
from journeyman.errors import RecipeError
from journeyman.journey import travel
from journeyman.recipe import load_recipe
from journeyman.teaching import forget
from journeyman.versions.store import Store

ARRIVALS = [{"name": "london", "where": {"place": "london"}}, {"name": "anna", "train": ""}]


def adapt(place, **more):
    arrivals = [ARRIVALS[0], {**ARRIVALS[1], "train": str(place / "anna.jsonl")}]
    return {"retain": None, "arrivals": arrivals, **more}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return ground(tmp_path_factory.mktemp("stream"))


@pytest.fixture(scope="module")
def arrived(place, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("JOURNEYMAN_HOME", str(tmp_path_factory.mktemp("home")))
    found = travel(load_recipe(recipe(place, adapt=adapt(place))))
    patch.undo()
    return found.folder


def ledger(model):
    solved_head(model)
    return model.learner.ledger


def section(folder):
    return json.loads((folder / "sections" / "adapt.json").read_text())


def test_each_arrival_is_a_version_and_the_last_one_serves(arrived):
    versions = Store.beside(arrived / "model").history()
    assert [each.kind for each in versions] == ["learn", "learn", "made"]
    assert versions[0].current
    model = journeyman.load(arrived)
    assert model.version == versions[0].version
    assert model.about["parent"] == versions[1].version
    assert {line.origin for line in ledger(model).lines} == {"", "london", "anna"}


def test_the_model_is_the_one_that_all_rows_at_once_would_give(arrived):
    (told,) = [words for words in section(arrived)["prose"] if "largest difference" in words]
    assert float(told.split("largest difference is ")[1].split()[0]) < 1e-5


def test_every_skill_is_measured_after_every_step(arrived):
    grid = section(arrived)["tables"][0]
    assert grid["header"] == ["after", "first training", "london", "anna"]
    assert [row[0] for row in grid["rows"]] == ["first training", "london", "anna"]
    assert [sum(cell is not None for cell in row[1:]) for row in grid["rows"]] == [1, 2, 3]
    page = (arrived / "report.html").read_text()
    assert "Every skill after every step" in page


def test_nothing_runs_again_and_another_stream_starts_from_the_first_training(
    arrived, place, monkeypatch
):
    assert not travel(load_recipe(recipe(place, adapt=adapt(place)))).fresh
    first = Store.beside(arrived / "model").history()[-1].version
    alone = {"retain": None, "arrivals": [ARRIVALS[0]]}
    travel(load_recipe(recipe(place, adapt=alone)))
    model = journeyman.load(arrived)
    assert model.about["parent"] == first
    assert {line.origin for line in ledger(model).lines} == {"", "london"}


def test_an_update_that_loses_old_skill_is_refused_and_told(place, tmp_path):
    """The labels of what arrives contradict what was learned."""
    wrong = [{**row, "label": {"good": "bad", "bad": "good"}[row["label"]]} for row in
             texts("paris", 400, seed=9)]  # fmt: skip
    file = write(tmp_path / "wrong.jsonl", wrong)
    said = {"retain": 0.9, "least": 5, "arrivals": [{"name": "wrong", "train": file}]}
    chosen = recipe(place, adapt=said, output=str(tmp_path / "run"))
    folder = travel(load_recipe(chosen)).folder
    newest, made = Store.beside(folder / "model").history()
    assert not newest.accepted
    assert made.current
    assert journeyman.load(folder).version == made.version
    assert any("wrong was refused" in words for words in section(folder)["prose"])
    decisions = (folder / "model" / "decisions.jsonl").read_text()
    assert "refuse" in decisions


def test_a_row_is_forgotten_at_the_end(place, tmp_path):
    folder = tmp_path / "run"
    travel(load_recipe(recipe(place, output=str(folder), adapt=adapt(place))))
    gone = sorted(ledger(journeyman.load(folder)).ids)[0]
    travel(load_recipe(recipe(place, output=str(folder), adapt=adapt(place, forget=[gone]))))
    for version in Store.beside(folder / "model").history():
        if version.stands:
            assert gone not in ledger(journeyman.load(f"{folder}@{version.version}")).ids
    assert "1 row went, forgotten exactly" in " ".join(section(folder)["prose"])


def test_a_stream_goes_on_after_its_first_training_forgot_a_row(place, tmp_path):
    folder = tmp_path / "run"
    travel(load_recipe(recipe(place, output=str(folder), adapt=adapt(place))))
    first = Store.beside(folder / "model").history()[-1].version
    gone = sorted(line.id for line in ledger(journeyman.load(f"{folder}@{first}")).lines)[0]
    travel(load_recipe(recipe(place, output=str(folder), adapt=adapt(place, forget=[gone]))))
    said = {"retain": None, "arrivals": [ARRIVALS[0]]}
    travel(load_recipe(recipe(place, output=str(folder), adapt=said)))
    assert gone not in ledger(journeyman.load(folder)).ids
    assert {line.origin for line in ledger(journeyman.load(folder)).lines} == {"", "london"}


def test_a_row_of_the_recipe_that_is_unlearned_too_stays_away(place, tmp_path):
    folder = tmp_path / "run"
    travel(load_recipe(recipe(place, output=str(folder), adapt=adapt(place))))
    gone = sorted(ledger(journeyman.load(folder)).ids)[0]
    chosen = load_recipe(recipe(place, output=str(folder), adapt=adapt(place, forget=[gone])))
    travel(chosen)
    assert forget(folder, ids=[gone]).traces["tables"] == 1
    assert travel(chosen).fresh
    assert gone not in ledger(journeyman.load(folder)).ids
    assert not travel(chosen).fresh


def test_mistakes_are_told_together(place):
    said = {
        "retain": 2,
        "arrivals": [
            {"name": "a", "train": "nowhere.csv"},
            {"name": "a", "dataset": "snippet"},
            {"name": "b"},
        ],
    }
    with pytest.raises(RecipeError) as error:
        load_recipe(recipe(place, adapt={**said, "retain": 0.9}, finetune={"head": "linear"}))
    told = str(error.value)
    for words in ("nowhere.csv", "snippets", "one name", "says nothing of its rows", "linear"):
        assert words in told
