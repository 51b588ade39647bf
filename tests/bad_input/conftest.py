"""A folder to make mistakes in: a tiny backbone, data, a recipe and the model it made."""

import random
import shutil

import pytest
from asking import ask
from tiny import tiny_folder

RECIPE = """\
name: good
backbone: tiny
threads: 1
trackers: []
data: {train: train.csv, text: text, label: label}
explain: {samples: 2}
"""
KINDS = {"pos": "good fine lovely great".split(), "neg": "bad awful poor terrible".split()}


def review(draw, label):
    words = "film plot story actor dog cat london paris".split()
    more = " ".join(draw.sample(words, 3))
    return f"the {more} was {draw.choice(KINDS[label])}"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """What is made once: never written to again."""
    folder = tmp_path_factory.mktemp("made")
    tiny_folder(folder / "tiny")
    draw = random.Random(0)
    rows = [f"{review(draw, label)},{label}" for label in ["pos", "neg"] * 30]
    (folder / "train.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (folder / "good.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("JOURNEYMAN_HOME", str(folder / "home"))
        told = ask("run", "good.yaml", "--quiet")
    assert told.code == 0, told.err
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """A folder of one's own with all that was made, and the current one."""
    folder = tmp_path / "place"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("home", ".lock"))
    monkeypatch.chdir(folder)
    return folder
