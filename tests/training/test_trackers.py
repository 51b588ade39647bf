"""Trackers write what they are given: each is asked where its library is installed."""

import os
import subprocess
import sys
import warnings

import pytest
from tiny import tiny_folder

from journeyman.errors import MissingExtraError
from journeyman.training.trackers import TRACKERS, Trackers

CURVE = [({"loss": 1.0, "rate": 0.1}, 0), ({"loss": 0.5, "rate": 0.05}, 5)]


def logged(name, folder, run="tiny"):
    tracker = Trackers([name], folder / "logs", run)
    for values, step in CURVE:
        tracker.log(values, step)
    tracker.close()


def test_tensorboard_keeps_event_files(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logged("tensorboard", tmp_path)
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(0, 1.0), (5, 0.5)]


RECIPE = """
name: tracked
task: text-classification
backbone: tiny
data: {train: rows.csv, text: text, label: label}
finetune: {tuner: full, cut: 2, epochs: 2}
explain: {samples: 0}
threads: 1
trackers: [%s]
"""


def tiny_run(name, folder, **environment):
    """A whole run in a process of its own, which the libraries watch in their own ways."""
    tiny_folder(folder / "tiny")
    rows = [f"the {word} sat {at},{word}" for at in range(20) for word in ("cat", "dog")]
    (folder / "rows.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (folder / "tracked.yaml").write_text(RECIPE % name)
    command = [sys.executable, "-W", "ignore", "-m", "journeyman", "run", "tracked.yaml", "-q"]
    known = {key: value for key, value in os.environ.items() if not key.startswith(name.upper())}
    own = {"JOURNEYMAN_HOME": str(folder / "home"), "HOME": str(folder), **environment}
    done = subprocess.run(command, cwd=folder, env={**known, **own}, capture_output=True, text=True)
    return done, folder / "runs" / "tracked" / "logs"


@pytest.mark.long
def test_weights_and_biases_keeps_an_offline_run(tmp_path):
    pytest.importorskip("wandb")
    done, logs = tiny_run("wandb", tmp_path, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    kept = [path for path in logs.rglob("*.wandb") if not path.parent.is_symlink()]
    content = b"".join(path.read_bytes() for path in kept)
    assert b"loss" in content
    assert not (tmp_path / "wandb").exists()


@pytest.mark.long
def test_weights_and_biases_without_an_account_is_told(tmp_path):
    pytest.importorskip("wandb")
    done, _ = tiny_run("wandb", tmp_path, WANDB_MODE="online", WANDB_API_KEY="")
    assert done.returncode == 2, done.stderr
    assert "The tracker 'wandb' cannot start." in done.stderr
    assert "WANDB_MODE=offline" in done.stderr
    assert "Traceback" not in done.stderr


def curves(where):
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(where, where)
    experiment = client.get_experiment_by_name("journeyman")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("tracked", "FINISHED")
    return {
        name: [point.step for point in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("told", [False, True])
def test_mlflow_keeps_a_run_where_it_is_told_or_in_the_logs(told, tmp_path):
    for library in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(library)
    where = f"sqlite:///{tmp_path}/store.db"
    done, logs = tiny_run("mlflow", tmp_path, **({"MLFLOW_TRACKING_URI": where} if told else {}))
    assert done.returncode == 0, done.stderr
    found = curves(where if told else f"sqlite:///{logs}/mlflow.db")
    assert found
    assert all(steps and min(steps) >= 0 for steps in found.values())
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.long
def test_mlflow_without_a_store_is_told(tmp_path):
    pytest.importorskip("mlflow")
    done, _ = tiny_run("mlflow", tmp_path, MLFLOW_TRACKING_URI="nowhere://store")
    assert done.returncode == 2, done.stderr
    assert "The tracker 'mlflow' cannot start." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_library_that_is_not_installed_is_told(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as caught:
        Trackers([name], tmp_path, "tiny")
    assert name in caught.value.remedy


def test_no_tracker_is_fine(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Trackers([], tmp_path / "logs", "tiny").log({"loss": 1.0}, 0)
    assert not (tmp_path / "logs").exists()


def test_every_name_a_recipe_may_give_has_a_tracker():
    assert set(TRACKERS) == {"tensorboard", "wandb", "mlflow"}
