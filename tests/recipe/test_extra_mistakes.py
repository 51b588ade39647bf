"""What a recipe may say of `data.extra`, and the one mistake that each slip gives."""

import json

import pytest

from journeyman.catalogue.entry import dataset_entries
from journeyman.errors import RecipeError
from journeyman.recipe import load_recipe
from journeyman.recipe.loading import dump_recipe

SNIPPETS = "data: {dataset: snippets, extra: "


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("JOURNEYMAN_HOME", str(tmp_path / "home"))
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "train.csv").write_text("text,label\ngood,pos\nbad,neg\n", encoding="utf-8")
    (beside / "more.csv").write_text("text,label\nnice,pos\n", encoding="utf-8")
    (beside / "other.csv").write_text("words,label\nnice,pos\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(files, text):
    (files / "beside/recipe.yaml").write_text(text, encoding="utf-8")
    return load_recipe("beside/recipe.yaml")


def test_paths_are_looked_for_beside_the_recipe_and_names_stay(files):
    (files / "beside/vader-words").write_text("text,label\na,b\n")
    found = load(files, "data: {train: train.csv, extra: [more.csv, ./vader-words, vader-words]}\n")
    assert found.data.extra == ("beside/more.csv", "beside/vader-words", "vader-words")
    again = load_recipe(dump_recipe(found))
    assert again.data.extra == found.data.extra


@pytest.mark.parametrize("columns", ["", ", label: rating"])
def test_a_dataset_of_the_same_columns_needs_no_more(files, columns):
    task = "task: text-regression\n" if columns else ""
    found = load(files, f"{task}data: {{dataset: snippets, extra: vader-words{columns}}}\n")
    assert found.data.extra == ("vader-words",)


MISTAKES = [
    ("data:\n  train: train.csv\n  extra: mor.csv\n", ":3 data.extra", "'mor.csv' does not exist",
     "check the path"),
    ("data:\n  train: train.csv\n  extra: [more.csv, nowhere/x.csv]\n", ":3 data.extra",
     "'nowhere/x.csv' does not exist", "check the path"),
    (SNIPPETS + "vader-word}\n", ":1 data.extra", "neither a dataset nor a file 'vader-word'",
     "did you mean 'vader-words'?"),
    (SNIPPETS + "'hub:#train'}\n", ":1 data.extra", "hub", "Write it"),
    ("data: {train: train.csv, text: text, extra: other.csv}\n", ":1 data.extra",
     "lack the column 'text'", "rename"),
    ("data: {train: train.csv, text: words, label: label, extra: vader-words}\n", ":1 data.extra",
     "lack the column 'words'", "rename"),
    ("data: {dataset: broad_twitter_ner, extra: vader-words}\n", ":1 data.extra", "'tokens'",
     "rename"),
    ("data: {train: train.csv, extra: train.csv}\n", ":1 data.extra", "there already", "remove it"),
    (SNIPPETS + "snippets}\n", ":1 data.extra", "there already", "remove it"),
    (SNIPPETS + "[vader-words, vader-words]}\n", ":1 data.extra", "there already", "remove it"),
    ("data: {train: train.csv}\ntransfer: {data: {train: more.csv, extra: other.csv}}\n",
     ":2 transfer.data.extra", "the new data alone", "remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "problem", "remedy"), MISTAKES)
def test_a_slip_is_one_mistake(files, text, place, problem, remedy):
    with pytest.raises(RecipeError) as caught:
        load(files, text)
    (mistake,) = caught.value.mistakes
    assert place in mistake.place
    assert problem in mistake.problem
    assert remedy in mistake.remedy
    assert mistake.expected
    assert mistake.found


def test_a_fetched_dataset_is_asked_for_its_own_columns(files):
    entry = dataset_entries()["vader-words"]
    folder = files / "home/datasets/vader-words"
    folder.mkdir(parents=True)
    (folder / "words.jsonl").write_text('{"text": "good", "label": "positive", "mood": 1}\n')
    receipt = {"entry": entry.fingerprint, "files": {}, "source": "here"}
    (folder / "receipt.json").write_text(json.dumps(receipt))
    text = "data: {{train: train.csv, text: text, label: {}, extra: vader-words}}\n"
    (files / "beside/train.csv").write_text("text,mood,grade\na,b,1\n")
    assert load(files, text.format("mood")).data.extra == ("vader-words",)
    with pytest.raises(RecipeError) as caught:
        load(files, text.format("grade"))
    assert "'grade'" in caught.value.mistakes[0].problem
