"""Searches in processes of their own, killed for good, and kept in a real PostgreSQL."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from postgresql import running

from journeyman.outset import workspace_of
from journeyman.progress import QUIET
from journeyman.recipe import load_recipe
from journeyman.search.search import search
from journeyman.steps import collect

SPACE = {
    "finetune.tuner": ["none", "lora"],
    "finetune.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    "finetune.head.features": [16, 24, 32],
}
pytestmark = pytest.mark.long


def outcomes(recipe, folder):
    workspace = workspace_of(recipe, QUIET)
    if not workspace.data_folder.exists():
        collect.run(workspace)
    return search(recipe, workspace, folder, "key")[0]


def untimed(found):
    return [(one.number, one.values, one.state, one.score) for one in found.outcomes]


def test_two_processes_find_the_same_again_and_compute_no_row_twice(written, tmp_path, own_home):
    options = {"trials": 8, "space": SPACE, "processes": 2}
    first, second = (
        outcomes(load_recipe(written(tmp_path / name, options)), tmp_path / name / "search")
        for name in ("one", "two")
    )
    assert untimed(first) == untimed(second)
    assert len({one.values.get("finetune.tuner") for one in first.outcomes}) > 1
    assert sum(one.rows_computed for one in second.outcomes) == 0
    rows = 96
    cuts = 2
    assert 0 < sum(one.rows_computed for one in first.outcomes) <= cuts * rows


def travelling(recipe):
    """The command line in a process group of its own, so that a kill leaves nobody behind."""
    command = [sys.executable, "-m", "journeyman", "run", str(recipe)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_a_killed_process_is_followed_by_its_children_and_the_search_goes_on(written, tmp_path):
    options = {"trials": 8, "space": SPACE, "processes": 2}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(written(tmp_path / "run", options)))
    going = travelling(recipe)
    for line in going.stderr:
        if "trial 3" in line:
            break
    children = Path(f"/proc/{going.pid}/task/{going.pid}/children").read_text().split()
    assert len(children) >= 2
    going.send_signal(signal.SIGKILL)
    going.wait()
    going.stderr.close()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    again = travelling(recipe)
    said = again.communicate()[1]
    assert again.returncode == 0, said
    assert "trials were finished before" in said
    assert "trial 0," not in said
    assert (tmp_path / "run" / "search" / "best.yaml").is_file()


@pytest.fixture
def postgres():
    """The URL of a database on a real server."""
    with running() as database:
        yield database("trials")


def test_a_search_kept_in_postgresql_goes_on_elsewhere(written, tmp_path, postgres):
    options = {"space": SPACE, "storage": postgres}
    here = load_recipe(written(tmp_path / "run", {**options, "trials": 3}))
    first = outcomes(here, tmp_path / "here")
    there = load_recipe(written(tmp_path / "run", {**options, "trials": 5}))
    second = outcomes(there, tmp_path / "there")
    assert second.resumed == 3
    assert untimed(second)[:3] == untimed(first)
    assert not (tmp_path / "here" / "trials.db").exists()
    alone = load_recipe(written(tmp_path / "run", {"space": SPACE, "trials": 5}))
    assert untimed(outcomes(alone, tmp_path / "alone")) == untimed(second)
