"""Where a run's curves go: TensorBoard files by default, Weights & Biases or MLflow if asked."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from journeyman.errors import MissingExtraError

TrackerName = Literal["tensorboard", "wandb", "mlflow"]


class Tracker(ABC):
    """Takes numbers by step."""

    @abstractmethod
    def log(self, values: dict[str, float], step: int) -> None:
        """Keep `values` at `step`."""

    def close(self) -> None:
        """Write out what is still held."""


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
        self._run: Any = _optional("wandb", "wandb").init(
            project="journeyman", name=run, dir=str(folder)
        )

    def log(self, values: dict[str, float], step: int) -> None:
        """One point of each curve."""
        self._run.log(values, step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


class MLflow(Tracker):
    """A run of the experiment `journeyman` at MLFLOW_TRACKING_URI."""

    def __init__(self, folder: Path, run: str) -> None:
        self._mlflow: Any = _optional("mlflow", "mlflow")
        self._mlflow.set_experiment("journeyman")
        self._mlflow.start_run(run_name=run)

    def log(self, values: dict[str, float], step: int) -> None:
        """One point of each curve."""
        self._mlflow.log_metrics(values, step=step)

    def close(self) -> None:
        """Finish the run."""
        self._mlflow.end_run()


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


def _optional(library: str, extra: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise MissingExtraError(library, extra, f"The tracker {library!r}") from error
