"""A journey killed at any moment goes on, and arrives at the same bytes."""

import json
import random
import signal
import time
from dataclasses import replace
from functools import cache

import pytest
from contract_samples import made_rows
from journey_process import travelled
from tiny import tiny_folder

KILLS = 10
"""Kill points of each recipe."""
FINETUNE = {
    "solved": {"tuner": "none", "head": "ridge"},
    "tuned": {"tuner": "full", "head": "ridge", "epochs": 3, "batch_size": 16},
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A folder with a tiny backbone and a file of rows."""
    folder = tmp_path_factory.mktemp("journeys")
    tiny_folder(folder / "tiny")
    write_rows(folder / "rows.csv")
    return folder


def write_rows(path, seed=0):
    lines = [f"{row['text']},{row['label']}" for row in made_rows(150, seed)]
    path.write_text("\n".join(["text,label", *lines]) + "\n")


def recipe(ground, output, finetune="solved", **more):
    return {
        "name": "tiny-journey",
        "task": "text-classification",
        "backbone": str(ground / "tiny"),
        "data": {"train": str(ground / "rows.csv"), "text": "text", "label": "label"},
        "finetune": FINETUNE[finetune] if isinstance(finetune, str) else finetune,
        "explain": {"samples": 1},
        "trackers": [],
        "threads": 1,
        "output": str(output),
        **more,
    }


def results(folder):
    """The bytes that must not hang on how the journey went."""
    files = [p for p in (folder / "model").rglob("*") if p.name != "decisions.jsonl"]
    found = {str(p.relative_to(folder)): p.read_bytes() for p in files if p.is_file()}
    return {**found, "metrics.json": (folder / "metrics.json").read_bytes()}


@pytest.fixture(scope="module")
def straight(ground, tmp_path_factory):
    """Each recipe run without a break from an empty cache: its bytes, and files renamed."""
    found = {}
    for name in FINETUNE:
        folder = tmp_path_factory.mktemp(name)
        job = recipe(ground, folder / "run", name)
        said = travelled(recipe=job, home=str(folder / "home"))
        assert said["status"] == 0
        assert said["fresh"]
        found[name] = results(folder / "run"), said["calls"]
    return found


def points(calls):
    """Kill points over the whole journey, turn by turn before and after a rename."""
    last = calls - 1
    return [(1 + at * last // (KILLS - 1), at % 2 == 0) for at in range(KILLS)]


def long(*said):
    return pytest.param(*said, marks=pytest.mark.long)


def kills():
    """Every point for each recipe; `make test` takes half of them, the others for the other."""
    for at in range(KILLS):
        first, second = FINETUNE if at % 4 in (0, 3) else reversed(FINETUNE)
        yield (first, at)
        yield long(second, at)


@pytest.mark.parametrize(("name", "at"), list(kills()))
def test_a_killed_journey_arrives_at_the_same_bytes(name, at, straight, ground, tmp_path):
    wanted, calls = straight[name]
    assert calls > KILLS
    kill_at, before = points(calls)[at]
    job = {"recipe": recipe(ground, tmp_path / "run", name), "home": str(tmp_path / "home")}
    killed = travelled(**job, kill_at=kill_at, before=before)
    assert killed == {"status": -signal.SIGKILL}
    said = travelled(**job)
    assert said["status"] == 0
    found = results(tmp_path / "run")
    assert sorted(found) == sorted(wanted)
    assert [path for path in wanted if found[path] != wanted[path]] == []
    stray = [p.name for p in (tmp_path / "run" / "model").rglob("*") if p.name.startswith(".")]
    assert stray == []


def test_a_journey_killed_again_and_again_arrives(straight, ground, tmp_path):
    wanted, calls = straight["tuned"]
    job = {"recipe": recipe(ground, tmp_path / "run", "tuned"), "home": str(tmp_path / "home")}
    draw = random.Random(0)
    for _ in range(4):
        killed = travelled(**job, kill_at=draw.randint(2, calls // 4), before=draw.random() < 0.5)
        assert killed["status"] == -signal.SIGKILL
    assert travelled(**job)["status"] == 0
    assert results(tmp_path / "run") == wanted


def self_trained(ground, folder, folds):
    """The job of a recipe that learns from texts without labels too."""
    said = {"tuner": "full", "cut": 2, "head": "ridge", "epochs": 2, "batch_size": 32}
    taught = {**said, "folds": folds, "self_training": {"precision": 0.5}}
    made = recipe(ground, folder / "run", taught)
    made["data"]["unlabelled"] = str(ground / "more.txt")
    return {"recipe": made, "home": str(folder / "home")}


@pytest.fixture(scope="module")
def straight_self_training(ground, tmp_path_factory):
    """What gives, by folds, the bytes of such a run that nothing stopped, and files renamed."""
    (ground / "more.txt").write_text("\n".join(row["text"] for row in made_rows(80, 5)) + "\n")

    @cache
    def run(folds):
        folder = tmp_path_factory.mktemp("self")
        calls = travelled(**self_trained(ground, folder, folds))["calls"]
        return results(folder / "run"), calls

    return run


@pytest.mark.parametrize(
    ("folds", "part"),
    [(0, 1 / 3), long(0, 1 / 2), (0, 2 / 3), long(2, 1 / 3), (2, 1 / 2), long(2, 2 / 3)],
)
def test_a_killed_self_training_arrives_at_the_same_bytes(
    folds, part, straight_self_training, ground, tmp_path
):
    wanted, calls = straight_self_training(folds)
    told = json.loads(wanted["metrics.json"])["steps"]["finetune"]
    assert told["self-training round 1: rows taken"]["value"] > 0
    at, job = int(part * calls), self_trained(ground, tmp_path, folds)
    killed = travelled(**job, kill_at=at, before=at % 2 == 0)
    assert killed == {"status": -signal.SIGKILL}
    assert travelled(**job)["status"] == 0
    found = results(tmp_path / "run")
    assert [path for path in wanted if found[path] != wanted[path]] == []


def test_an_unchanged_journey_is_answered_at_once(ground, tmp_path, monkeypatch):
    from journeyman import journey
    from journeyman.recipe import load_recipe

    chosen = load_recipe(recipe(ground, tmp_path / "run"))
    assert journey.travel(chosen).fresh
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*") if p.is_file()}

    def never(*_):
        raise AssertionError("nothing is to be done")

    monkeypatch.setattr(journey, "_run_steps", never)
    monkeypatch.setattr(journey, "tell", never)
    started = time.process_time()
    assert not journey.travel(chosen).fresh
    assert time.process_time() - started < 0.2
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*") if p.is_file()}
    assert after == before


class Steps:
    """Which steps ran, told by what a journey says."""

    def __init__(self, monkeypatch):
        from journeyman import journey

        self.ran = []
        made = [replace(step, run=self._telling(step)) for step in journey.STEPS]
        monkeypatch.setattr(journey, "STEPS", tuple(made))

    def _telling(self, step):
        def run(workspace):
            self.ran.append(step.verb)
            return step.run(workspace)

        return run

    def of(self, mapping):
        from journeyman.journey import travel
        from journeyman.recipe import load_recipe

        self.ran.clear()
        travel(load_recipe(mapping))
        return list(self.ran)


@pytest.fixture
def steps(monkeypatch):
    return Steps(monkeypatch)


EVERYTHING = ["collect", "pretrain", "finetune", "explain"]


def test_a_changed_recipe_runs_what_depends_on_it(steps, ground, tmp_path):
    run = tmp_path / "run"
    tuned = {"tuner": "none", "head": "linear", "epochs": 1}
    assert steps.of(recipe(ground, run, tuned)) == EVERYTHING
    assert steps.of(recipe(ground, run, {**tuned, "epochs": 2})) == ["finetune", "explain"]
    assert steps.of(recipe(ground, run, {**tuned, "epochs": 2}, explain={"samples": 2})) == [
        "explain"
    ]
    assert steps.of(recipe(ground, run, {**tuned, "epochs": 2}, seed=1)) == EVERYTHING


def test_changed_rows_and_weights_run_everything(steps, tmp_path):
    tiny_folder(tmp_path / "tiny")
    write_rows(tmp_path / "rows.csv")
    run = tmp_path / "run"
    assert steps.of(recipe(tmp_path, run)) == EVERYTHING
    first = results(run)
    write_rows(tmp_path / "rows.csv", seed=1)
    assert steps.of(recipe(tmp_path, run)) == EVERYTHING
    second = results(run)
    assert second["metrics.json"] != first["metrics.json"]
    tiny_folder(tmp_path / "tiny", seed=1)
    assert steps.of(recipe(tmp_path, run)) == EVERYTHING
    assert results(run)["model/model.json"] != second["model/model.json"]


def test_going_back_to_an_earlier_recipe_is_no_stale_answer(steps, ground, tmp_path):
    """The folder holds what the last recipe left, whatever the journal remembers."""
    run = tmp_path / "run"
    steps.of(recipe(ground, run))
    first = results(run)
    steps.of(recipe(ground, run, seed=1))
    assert results(run) != first
    assert steps.of(recipe(ground, run)) == EVERYTHING
    assert results(run) == first
