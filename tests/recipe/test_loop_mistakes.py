"""Contradictions among the options of the loop are found before any work."""

import json

import pytest

from journeyman.errors import RecipeError
from journeyman.recipe import load_recipe

TASKS = {
    "text": "task: text-classification\ndata: {train: train.csv, slices: [domain]}\n",
    "tags": "data: {train: tags.conll}\n",
    "boxes": "task: object-detection\ndata: {train: boxes.jsonl, image: image, boxes: boxes}\n",
}
WRONG = [
    ("text", "{accumulate: 4}", "finetune.accumulate", "tuner none"),
    ("text", "{augment: {}}", "finetune.augment", "tuner none"),
    ("tags", "{augment: {}, tuner: lora}", "finetune.augment", "token-classification"),
    ("text", "{augment: {kinds: [typos]}, tuner: full}", "finetune.augment.kinds", "'typos'"),
    ("text", "{augment: {kinds: [word-drop]}, tuner: full}", "did you mean 'word-dropout'", "drop"),
    ("text", "{augment: {kinds: [crop]}, tuner: full}", "kinds: [word-dropout]", "'crop'"),
    ("text", "{augment: {mosaics: 2}, tuner: full}", "finetune.augment.mosaics", "2"),
    ("boxes", "{augment: {}}", "kinds: [colour, crop, flip, mirror, zoom]", "no kinds"),
    ("boxes", "{augment: {kinds: [mosaic]}}", "finetune.augment.kinds", "'mosaic'"),
    (
        "text",
        "{self_training: {consistency: {kinds: [crop]}}}",
        "consistency: {kinds: [word-dropout]}",
        "'crop'",
    ),
    (
        "text",
        "{self_training: {consistency: {mosaics: 1}}}",
        "remove finetune.self_training.consistency.mosaics",
        "1",
    ),
    ("text", "{objective: contrast, accumulate: 2, tuner: full}", "finetune.accumulate", "2"),
    ("text", "{objective: contrast}", "finetune.objective", "tuner none"),
    ("text", "{objective: co-teaching, head: linear}", "write `head: twin`", "head linear"),
    ("text", "{objective: co-teaching}", "write `head: twin`", "head ridge"),
    ("text", "{objective: co-teaching, tuner: lora}", "finetune.objective", "head ridge"),
    (
        "text",
        "{objective: co-teaching, head: twin, accumulate: 2}",
        "finetune.accumulate",
        "2",
    ),
    ("text", "{balance: {within: city}}", "finetune.balance.within", "city"),
    (
        "text",
        "{balance: {within: domain}}\ntransfer: {data: {train: train.csv}}",
        "finetune.balance.within",
        "domain",
    ),
    (
        "text",
        "{balance: {within: domain}}\ntransfer: {distil: {into: minilm-l6}}",
        "finetune.balance.within",
        "domain",
    ),
    ("text", "{processes: 2, tuner: adalora}", "finetune.processes", "2"),
]
RIGHT = [
    ("text", "{accumulate: 4, processes: 2, tuner: lora}"),
    ("text", "{augment: {}, head: linear}"),
    ("text", "{augment: {kinds: [word-dropout]}, tuner: full}"),
    ("text", "{augment: {}, tuner: auto}"),
    ("boxes", "{augment: {mosaics: 2}}"),
    ("boxes", "{augment: {kinds: [flip], mosaics: 2}, tuner: none}"),
    ("text", "{balance: {power: 0.5, within: domain}}"),
    (
        "text",
        "{balance: {within: domain}}\ntransfer: {tune: head, data: {train: train.csv}}",
    ),
    ("tags", "{accumulate: 2, tuner: lora}"),
    ("text", "{self_training: {consistency: {copies: 2}}}"),
    ("text", "{objective: {name: co-teaching, wrong: 0.3}, head: twin}"),
]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """A folder with some data."""
    (tmp_path / "train.csv").write_text("text,label,domain\ngood,1,a\nbad,2,b\n")
    (tmp_path / "tags.conll").write_text("Ann B-PER\nran O\n\n", encoding="utf-8")
    box = {"box": [1, 1, 5, 5], "label": "a"}
    (tmp_path / "boxes.jsonl").write_text(json.dumps({"image": "a.png", "boxes": [box]}) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(files, task, finetune):
    (files / "recipe.yaml").write_text(f"{TASKS[task]}finetune: {finetune}\n")
    return load_recipe("recipe.yaml")


@pytest.mark.parametrize(("task", "finetune", "place", "found"), WRONG)
def test_a_contradiction_is_told(files, task, finetune, place, found):
    with pytest.raises(RecipeError) as caught:
        read(files, task, finetune)
    (mistake,) = caught.value.mistakes
    assert mistake.place.startswith("recipe.yaml")
    assert place in f"{mistake.place} {mistake.remedy} {mistake.expected}"
    assert found in mistake.found
    assert mistake.problem.endswith(".")


@pytest.mark.parametrize(("task", "finetune"), RIGHT)
def test_what_goes_together_is_taken(files, task, finetune):
    assert read(files, task, finetune).finetune
