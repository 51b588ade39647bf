"""Where a search keeps its finished trials: an SQLite file of the run, or a database by URL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from journeyman.database import address
from journeyman.errors import MissingExtraError, ResourceError
from journeyman.search.proposals import Proposals
from journeyman.training.outcome import Outcome

FILE = "trials.db"


class TrialStore:
    """The study `name` of a database; one line a finished trial, so what a kill ends is redone."""

    def __init__(self, name: str, proposals: Proposals, folder: Path, url: str | None) -> None:
        self._proposals = proposals
        self._place = url or str(folder / FILE)
        folder.mkdir(parents=True, exist_ok=True)
        place = address(url) if url else f"sqlite:///{folder / FILE}"
        try:
            self._storage = RDBStorage(place)
            self._study = optuna.create_study(
                storage=self._storage, study_name=name, direction="maximize", load_if_exists=True
            )
        except ImportError as error:
            raise MissingExtraError("pg8000", "search", "A search kept in PostgreSQL") from error
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError, OSError) as error:
            raise self._refused(error) from error

    def outcomes(self) -> Mapping[int, Outcome]:
        """Every finished trial by number."""
        found = (self._proposals.outcome(trial) for trial in self._study.get_trials())
        return {outcome.number: outcome for outcome in found}

    def keep(self, outcome: Outcome) -> None:
        """Write a finished trial."""
        try:
            self._study.add_trial(self._proposals.frozen(outcome))
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            raise self._refused(error) from error

    def close(self) -> None:
        """Let go of the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _refused(self, error: Exception) -> ResourceError:
        cause = error.__cause__ or error
        return ResourceError(
            "The database of the search cannot be used.",
            place=self._place,
            expected="a database that this user may write to",
            found=(str(cause).splitlines() or [type(cause).__name__])[0],
            remedy="check search.storage, or leave it out to keep trials in the run's folder",
        )
