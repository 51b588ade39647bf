"""Where a run's curves go: TensorBoard files by default, Weights & Biases or MLflow if asked."""

from __future__ import annotations

import importlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from journeyman.errors import MissingExtraError, ResourceError

TrackerName = Literal["tensorboard", "wandb", "mlflow"]
PROJECT = "journeyman"
"""What the runs are kept under."""


class Tracker(ABC):
    """Takes numbers by step."""

    @abstractmethod
    def log(self, values: dict[str, float], step: int) -> None:
        """Keep `values` at `step`."""

    def close(self) -> None:
        """Write out what is still held."""


class Named(Tracker):
    """Curves of one of several trainings, each under the training's name."""

    def __init__(self, tracker: Tracker, name: str) -> None:
        self._tracker, self._name = tracker, name

    def log(self, values: dict[str, float], step: int) -> None:
        """Keep `values`, each under the name."""
        self._tracker.log({f"{self._name}/{name}": value for name, value in values.items()}, step)


class TensorBoard(Tracker):
    """Event files under the run's logs/."""

    def __init__(self, folder: Path, run: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(log_dir=str(folder))

    def log(self, values: dict[str, float], step: int) -> None:
        """One scalar a value."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush the event file."""
        self._writer.close()


class WeightsAndBiases(Tracker):
    """A run of the project `journeyman`; WANDB_MODE=offline keeps it on disk."""

    def __init__(self, folder: Path, run: str) -> None:
        wandb = _optional("wandb", "wandb")
        folder.mkdir(parents=True, exist_ok=True)
        with _told("wandb", "log in with `wandb login`, or keep it here with WANDB_MODE=offline"):
            self._run: Any = wandb.init(project=PROJECT, name=run, dir=str(folder))

    def log(self, values: dict[str, float], step: int) -> None:
        """One point of each curve."""
        self._run.log(values, step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


class MLflow(Tracker):
    """A run of the experiment `journeyman` at MLFLOW_TRACKING_URI, else in the run's logs/."""

    def __init__(self, folder: Path, run: str) -> None:
        mlflow = _optional("mlflow", "mlflow")
        folder.mkdir(parents=True, exist_ok=True)
        where = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve()}/mlflow.db"
        self._point: Any = mlflow.entities.Metric
        with _told("mlflow", "mend MLFLOW_TRACKING_URI, or leave it out to keep the run in logs/"):
            self._client: Any = mlflow.MlflowClient(where, where)
            kept = self._client.get_experiment_by_name(PROJECT)
            experiment = kept.experiment_id if kept else self._client.create_experiment(PROJECT)
            self._run: str = self._client.create_run(experiment, run_name=run).info.run_id

    def log(self, values: dict[str, float], step: int) -> None:
        """One point of each curve."""
        now = int(time.time() * 1000)
        points = [self._point(name, value, now, step) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=points)

    def close(self) -> None:
        """Finish the run."""
        self._client.set_terminated(self._run)


TRACKERS: dict[TrackerName, Callable[[Path, str], Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
}


class Trackers(Tracker):
    """Several trackers as one; none at all is fine."""

    def __init__(self, names: Sequence[TrackerName], folder: Path, run: str) -> None:
        self._trackers = [TRACKERS[name](folder, run) for name in names]

    def log(self, values: dict[str, float], step: int) -> None:
        """To each."""
        for tracker in self._trackers:
            tracker.log(values, step)

    def close(self) -> None:
        """Each."""
        for tracker in self._trackers:
            tracker.close()


@contextmanager
def _told(name: TrackerName, remedy: str) -> Iterator[None]:
    """What keeps a tracker's library from starting, told as a user's matter."""
    try:
        yield
    except Exception as error:  # the libraries raise many kinds, the network's too
        raise ResourceError(
            f"The tracker {name!r} cannot start.",
            place="recipe field trackers",
            expected="a store that it can write to",
            found=(str(error).strip().splitlines() or [type(error).__name__])[0][:300],
            remedy=remedy,
        ) from error


def _optional(library: str, extra: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise MissingExtraError(library, extra, f"The tracker {library!r}") from error
