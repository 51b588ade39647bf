"""Recipes for boxes: what init writes for each format, and what does not go together with it."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))

from box_files import SAID, coco, rows_file, voc, yolo

from journeyman.errors import RecipeError
from journeyman.recipe import load_recipe
from journeyman.recipe.checks import task_of
from journeyman.recipe.init import init_recipe
from journeyman.tasks.base import TASKS
from journeyman.tasks.multi_label_image_classification import MultiLabelImageClassification


class Detection(MultiLabelImageClassification):
    """Enough of a task of boxes for recipes to be checked by."""

    name = "object-detection"
    kind = "boxes"
    needs = ("image", "boxes")
    reads = ()
    usual = True
    heads = classmethod(lambda cls: ("linear",))
    default_head = "linear"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "efficientnet-lite0").mkdir()
    if "object-detection" not in TASKS:
        monkeypatch.setitem(TASKS._entries, "object-detection", Detection)
    coco(tmp_path / "notes" / "annotations.json")
    for split in ("train", "val"):
        name = f"instances_{split}2017"
        coco(tmp_path / "coco" / "annotations" / f"{name}.json", images=tmp_path / "coco" / name)
    voc(tmp_path / "my voc", lists={"train": "ab", "val": "c", "test": "b"})
    yolo(tmp_path / "yolo", part="train", yaml="names: [cat, dog]\ntrain: images/train\n")
    rows_file(tmp_path / "rows.jsonl", {f"{stem}{n}": SAID[stem] for stem in SAID for n in "12"})
    return tmp_path


def whole(text):
    """The recipe; without its task where that stands in for one that is not there."""
    named = "task: object-detection\n"
    return text.replace(named, "", 1) if TASKS["object-detection"] is Detection else text


SOURCES = {
    "notes/annotations.json": {"train": "notes/annotations.json", "test": None},
    "coco": {
        "train": "coco/annotations/instances_train2017.json",
        "validation": "coco/annotations/instances_val2017.json",
    },
    "my voc": {"train": "my voc#train", "validation": "my voc#val", "test": "my voc#test"},
    "yolo": {"train": "yolo#train", "validation": None},
    "yolo/data.yaml": {"train": "yolo/data.yaml#train"},
    "rows.jsonl": {"train": "rows.jsonl"},
}


@pytest.mark.parametrize("source", SOURCES)
def test_init_writes_a_recipe_that_loads(source):
    text = init_recipe(source)
    assert "\ntask: object-detection\n" in text
    said = load_recipe(whole(text))
    assert task_of(said) == "object-detection"
    assert (said.data.image, said.data.boxes, said.data.label) == ("image", "boxes", None)
    found = {name: getattr(said.data, name) for name in SOURCES[source]}
    assert found == SOURCES[source]
    assert "2 classes of boxes: dog (" in text
    assert "English" not in text


@pytest.mark.parametrize("source", SOURCES)
def test_every_option_can_be_taken_in(here, source):
    text = init_recipe(source)
    (here / "other.csv").write_text("image,boxes\n")
    options = re.findall(r"^ *#\w+: .+$", text, re.MULTILINE)
    assert len(options) >= 3
    for line in options:
        taken = line.replace("#", "", 1).replace("FILE", "other.csv")
        load_recipe(whole(text.replace(line, taken, 1)))


@pytest.mark.parametrize("source", SOURCES)
def test_boxes_need_no_task_named(source):
    named = "image: image, boxes: boxes" if source == "rows.jsonl" else ""
    recipe = load_recipe(f"backbone: efficientnet-lite0\ndata: {{train: {source}, {named}}}\n")
    assert task_of(recipe) == "object-detection"


MISTAKES = {
    "a text task": (
        "task: text-classification\ndata: {train: notes/annotations.json}", "reads texts",
    ),
    "a label beside": (
        "data: {train: rows.jsonl, image: image, boxes: boxes, label: x}",
        "either `boxes` or `label`",
    ),
    "boxes without a picture": ("data: {train: rows.jsonl, boxes: boxes}", "needs `image`"),
    "boxes of a task of labels": (
        "task: image-classification\ndata: {train: rows.jsonl, image: image, boxes: boxes}",
        "does not read `boxes`",
    ),
    "an unknown format": ("data: {train: my voc, format: vok}", "did you mean 'voc'?"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_what_does_not_go_together_is_told(case):
    text, said = MISTAKES[case]
    with pytest.raises(RecipeError) as caught:
        load_recipe(f"backbone: efficientnet-lite0\n{text}\n")
    assert said in str(caught.value)
    assert all(each.place and each.remedy for each in caught.value.mistakes)
