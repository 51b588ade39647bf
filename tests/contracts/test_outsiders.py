"""A task and a head of somebody else's package work by being registered, with no other edit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import tiny_folder

ROOT = Path(__file__).parents[2]

ENTRY_POINTS = """\
[journeyman.tasks]
stars = outside.task
[journeyman.heads]
flat = outside.head
"""

TASK = '''
from journeyman.tasks.base import TASKS
from journeyman.tasks.text_regression import TextRegression


@TASKS.register("stars")
class Stars(TextRegression):
    """A number of stars for each text."""

    name = "stars"
    primary_metric = "spearman"
'''

HEAD = '''
import torch
from torch import nn

from journeyman.heads.base import HEADS, Head


@HEADS.register("flat")
class FlatHead(Head):
    """One linear layer of the last vector, for numbers."""

    name = "flat"
    solved = False
    units = ("row",)
    kinds = ("value",)

    def __init__(self, options, shape, seed):
        super().__init__(options, shape, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.last = nn.Linear(shape.width, shape.outputs)

    def forward(self, features):
        return self.last(self.stack(features, self.shape.layers[-1:]))
'''

RUN = """
import json
import journeyman
from journeyman.errors import RecipeError
from journeyman.recipe import load_recipe
from journeyman.tasks.base import TASKS, usual_task

model = journeyman.finetune("stars.yaml")
refused = []
for said in ("finetune.class_weights=true", "task=text-classification", "data.soft_label=text"):
    try:
        load_recipe("stars.yaml", [said])
    except RecipeError as error:
        refused += [mistake.expected for mistake in error.mistakes]
print(json.dumps({
    "value": journeyman.load("runs/stars").predict("the cat sat")[0].value,
    "heads": {name: TASKS[name].heads() for name in TASKS},
    "usual": usual_task("value").name,
    "refused": refused,
}))
"""


@pytest.fixture
def outside(tmp_path):
    """The environment of an interpreter beside whose libraries the package lies."""
    site = tmp_path / "site"
    about = site / "outside-0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    (site / "outside").mkdir()
    for name, text in {"__init__": "", "task": TASK, "head": HEAD}.items():
        (site / "outside" / f"{name}.py").write_text(text)
    path = os.pathsep.join([str(site), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "JOURNEYMAN_HOME": str(tmp_path / "home")}


def test_a_task_and_a_head_work_by_being_registered(outside, tmp_path):
    tiny_folder(tmp_path / "tiny")
    words = ["dog", "cat", "mat", "film", "plot"]
    lines = [f"the {words[at % 5]} was {words[at % 3]},{at % 5 + at / 100}" for at in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines, "a dog,five"]) + "\n")
    recipe = {
        "name": "stars", "task": "stars", "backbone": "tiny",
        "data": {"train": "rows.csv", "label": "label"},
        "finetune": {"head": "flat", "epochs": 1}, "explain": {"samples": 2},
        "threads": 1, "trackers": [],
    }  # fmt: skip
    (tmp_path / "stars.yaml").write_text(json.dumps(recipe))
    command = [sys.executable, "-W", "ignore", "-c", RUN]
    done = subprocess.run(command, env=outside, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert isinstance(said["value"], float)
    assert "flat" in said["heads"]["stars"]
    assert "flat" in said["heads"]["text-regression"]
    assert "flat" not in said["heads"]["text-classification"]
    assert "flat" not in said["heads"]["token-classification"]
    assert said["usual"] == "text-regression"
    weights, head, soft = said["refused"]
    assert "exclusive classes" in weights
    assert "ridge" in head
    assert "flat" not in head
    assert "text-classification" in soft
    run = tmp_path / "runs" / "stars"
    assert json.loads((run / "metrics.json").read_text())["task"] == "stars"
    assert "'five' is not a number" in (run / "quarantine.jsonl").read_text()
    card = (run / "model" / "README.md").read_text()
    assert "pipeline_tag: text-classification" in card
