"""The whole journey on real weights and real text, as a user runs it."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from platformdirs import user_cache_path
from typer.testing import CliRunner

RECIPE = """
name: real
task: text-classification
backbone: minilm-l6
data:
  train: rows.jsonl
  text: text
  label: label
  soft_label: soft_label
  group: group
  id: id
  slices: [domain]
collect: {near_duplicates: "off"}
finetune: %s
explain: {samples: 4, steps: 16}
threads: 1
"""
SOLVED = "{tuner: none, head: {name: ridge, kernel: false}}"
TUNED = "{tuner: full, cut: 5, epochs: 2, head: {name: ridge, kernel: false}}"


@pytest.fixture(scope="module")
def fetched():
    """Backbone and dataset in the user's own cache, where a second run finds them."""
    from journeyman.catalogue.backbones import resolve
    from journeyman.catalogue.datasets import resolve_dataset
    from journeyman.errors import FetchError

    shared = user_cache_path("journeyman")
    before = os.environ.get("JOURNEYMAN_HOME")
    os.environ["JOURNEYMAN_HOME"] = str(shared)
    try:
        resolve("minilm-l6", progress=False)
        resolve_dataset("snippets", progress=False)
    except FetchError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no network: {error.problem}")
    finally:
        os.environ.pop("JOURNEYMAN_HOME")
        if before is not None:
            os.environ["JOURNEYMAN_HOME"] = before
    return shared


EVERY = 79
"""Of 23,703 rows, 301 are enough."""


def recipe_in(folder, fetched, finetune):
    """The recipe and its rows in `folder`."""
    (folder / "real.yaml").write_text(RECIPE % finetune)
    lines = (fetched / "datasets/snippets/snippets.jsonl").read_text("utf-8").splitlines()
    (folder / "rows.jsonl").write_text("\n".join(lines[::EVERY]) + "\n", "utf-8")


@pytest.fixture
def ground(fetched, tmp_path):
    """A folder to run in, and homes with an empty feature cache each."""

    def make(name):
        home = tmp_path / name
        home.mkdir()
        for kept in ("backbones", "datasets", "hashes"):
            (fetched / kept).mkdir(exist_ok=True)
            (home / kept).symlink_to(fetched / kept)
        return home

    return make


def command(folder, home, *sets):
    """Start `journeyman run` in `folder`."""
    environment = {**os.environ, "JOURNEYMAN_HOME": str(home)}
    arguments = [part for said in sets for part in ("--set", said)]
    return subprocess.Popen(
        [sys.executable, "-m", "journeyman", "run", "real.yaml", "-q", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process):
    """Wait for it, and give its standard error."""
    _, told = process.communicate(timeout=600)
    assert process.returncode == 0, told.decode()
    return told.decode()


def results(run):
    """The bytes of what must be the same after a kill."""
    files = [run / "metrics.json", *sorted(p for p in (run / "model").rglob("*") if p.is_file())]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def test_a_recipe_takes_real_text_to_an_explained_model(ground, fetched, tmp_path, monkeypatch):
    home = ground("home")
    recipe_in(tmp_path, fetched, SOLVED)
    finish(command(tmp_path, home))
    run = tmp_path / "runs" / "real"
    metrics = json.loads((run / "metrics.json").read_text())
    ours = metrics["test"]["macro_f1"]["value"]
    assert ours > metrics["baselines"]["majority"]["macro_f1"]["value"] + 0.1
    assert {"collect", "pretrain", "finetune", "explain"} == set(metrics["steps"])
    page = (run / "report.html").read_text()
    assert f"{ours:.4g}"[:5] in page
    assert "Why it answers as it does" in page

    told = finish(command(tmp_path, home))
    assert "Nothing to do" in told

    monkeypatch.setenv("JOURNEYMAN_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    import journeyman
    from journeyman.cli import app

    other = ["run", "real.yaml", "-q", "--set", "seed=1", "--set", "output=runs/other"]
    assert CliRunner().invoke(app, other).exit_code == 0
    timing = json.loads((tmp_path / "runs/other/timing.json").read_text())
    assert timing["seconds"]["collect"] >= 0
    section = json.loads((tmp_path / "runs/other/sections/finetune.json").read_text())
    figures = {figure["name"]: figure["value"] for figure in section["figures"]}
    assert figures["rows through frozen layers"] == 0
    assert figures["seconds saved by the cache"] > 0
    assert (
        "No row went through the frozen layers" in (tmp_path / "runs/other/report.html").read_text()
    )

    model = journeyman.load(run)
    happy, sad = model.predict(["I love this, it is wonderful!", "This is awful, I hate it."])
    assert (happy.label, sad.label) == ("positive", "negative")
    why = model.explain("I love this, it is wonderful!")[0]
    assert sorted(why.tokens, key=lambda t: -t.weight)[0].text in {"love", "wonderful"}


@pytest.mark.long
def test_three_kills_at_random_leave_the_same_bytes(ground, fetched, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
        recipe_in(folder, fetched, TUNED)
    started = time.perf_counter()
    finish(command(whole, ground("home-whole")))
    seconds = time.perf_counter() - started
    home, draw = ground("home-broken"), random.Random(7)
    for _ in range(3):
        process = command(broken, home)
        time.sleep(draw.uniform(0.2, 0.9) * seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(command(broken, home))
    assert results(broken / "runs" / "real") == results(whole / "runs" / "real")
