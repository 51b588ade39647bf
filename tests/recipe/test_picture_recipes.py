"""Recipes for pictures: what init writes for them, and what does not go together with them."""

import re

import pytest
from PIL import Image

from journeyman.errors import DataError, RecipeError
from journeyman.recipe import load_recipe
from journeyman.recipe.checks import task_of
from journeyman.recipe.init import init_recipe
from journeyman.tasks.base import usual_task

pytest.importorskip("journeyman.tasks.image_classification")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "efficientnet-lite0").mkdir()
    for kind in ("猫", "dog 1"):
        for number in range(10):
            path = tmp_path / "my photos" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 9), (number, len(kind), 0)).save(path)
    rows = [f"my photos/{kind}/{n}.png,{kind}" for kind in ("猫", "dog 1") for n in range(10)]
    (tmp_path / "list.csv").write_text("\n".join(["file,kind", *rows]) + "\n", encoding="utf-8")
    lines = [f"text {n} that is read,{'xy'[n % 2]}" for n in range(30)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    return tmp_path


SOURCES = {
    "my photos": {"train": "my photos", "image": "image", "label": "label"},
    "list.csv": {"train": "list.csv", "image": "file", "label": "kind"},
}


@pytest.mark.parametrize("source", SOURCES)
def test_init_writes_a_recipe_that_loads(source):
    text = init_recipe(source)
    said = load_recipe(text)
    assert said.task == "image-classification"
    assert said.backbone.name == "efficientnet-lite0"
    assert {name: getattr(said.data, name) for name in SOURCES[source]} == SOURCES[source]
    assert (said.data.text, said.data.label_separator) == (None, None)
    assert "2 classes: dog 1 (10), 猫 (10)" in text
    assert "whose words" not in text
    assert "English" not in text


@pytest.mark.parametrize("source", SOURCES)
def test_every_option_can_be_taken_in(here, source):
    text = init_recipe(source)
    (here / "other.csv").write_text("file,kind\n")
    options = re.findall(r"^ *#\w+: .+$", text, re.MULTILINE)
    assert len(options) >= 3
    for line in options:
        load_recipe(text.replace(line, line.replace("#", "", 1).replace("FILE", "other.csv"), 1))


RECIPES = {
    "a column": "data: {train: list.csv, image: file, label: kind}",
    "a folder": "data: {train: my photos}",
    "a dataset": "data: {dataset: orl_faces}",
}


@pytest.mark.parametrize("case", RECIPES)
def test_pictures_need_no_task_named(case):
    recipe = load_recipe(f"backbone: efficientnet-lite0\n{RECIPES[case]}\n")
    assert task_of(recipe) == "image-classification"


MISTAKES = {
    "a text task, a column": (
        "task: text-classification\ndata: {train: list.csv, image: file}", "reads texts",
    ),
    "a text task, a folder": ("task: text-classification\ndata: {train: my photos}", "reads texts"),
    "a text task, a dataset": (
        "task: text-classification\ndata: {dataset: orl_faces}", "image-classification",
    ),
    "a picture task, a text column": (
        "task: image-classification\ndata: {train: texts.csv, text: text}", "reads pictures",
    ),
    "a picture task, a dataset of texts": (
        "task: image-classification\ndata: {dataset: banking77}", "reads pictures",
    ),
    "pretraining": (
        "data: {train: my photos}\npretrain: {method: mlm}", "`pretrain` is about texts",
    ),
    "both": ("data: {train: list.csv, image: file, text: kind}", "either `image` or `text`"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_what_does_not_go_together_is_told(case):
    text, said = MISTAKES[case]
    with pytest.raises(RecipeError) as caught:
        load_recipe(f"backbone: efficientnet-lite0\n{text}\n")
    assert said in str(caught.value)
    assert all(each.place and each.remedy for each in caught.value.mistakes)


VECTORS = {
    "cells of texts": (
        "cells: 3", "task: text-classification\ndata: {train: texts.csv}", "reads no pictures",
    ),
    "mirror images of texts": (
        "mirror: true", "task: text-classification\ndata: {train: texts.csv}", "reads no pictures",
    ),
    "cells of boxes": (
        "cells: 3", "task: object-detection\ndata: {dataset: scenes}", "looks at maps",
    ),
    "tuned layers": (
        "mirror: true", "data: {train: my photos}\nfinetune: {tuner: lora}", "layers are tuned",
    ),
    "a ladder": (
        "mirror: true",
        "data: {train: my photos}\nfinetune: {tuner: auto, budget: 1m}",
        "layers are tuned",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", VECTORS)
def test_cells_and_mirror_images_are_of_whole_pictures_and_frozen_layers(case):
    option, text, said = VECTORS[case]
    name = "minilm-l6" if "texts" in text else "efficientnet-lite0"
    with pytest.raises(RecipeError) as caught:
        load_recipe(f"backbone: {{name: {name}, {option}}}\n{text}\n")
    (mistake,) = caught.value.mistakes
    assert said in str(mistake)
    assert mistake.remedy
    fine = load_recipe(
        f"backbone: {{name: efficientnet-lite0, {option}}}\ndata: {{train: my photos}}\n"
    )
    key, value = option.split(": ")
    assert fine.backbone.options()[key] == (True if value == "true" else int(value))


def test_no_task_learns_tags_of_pictures():
    with pytest.raises(DataError, match="No task learns such a target from pictures"):
        usual_task("tags", "image")
