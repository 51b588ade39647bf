"""Who keeps the files of a store's versions, and which of them serves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.continual.update import Update
from journeyman.model_state import ModelState

if TYPE_CHECKING:
    from journeyman.versions.records import Records


class Keeper(ABC):
    """Keeps whole model folders by version; the records are another's.

    `place` is where the store is, as a user is told; `serving` the folder of the version that
    serves, None where there is none and a record says which does.
    """

    place: str
    serving: Path | None = None

    @property
    @abstractmethod
    def made(self) -> bool:
        """Whether there is a store at all."""

    @abstractmethod
    def records(self) -> Records:
        """The records beside the files; made where there are none."""

    @abstractmethod
    def alone(self) -> AbstractContextManager[None]:
        """Holds the store for one process; others wait."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[bool]:
        """Gives whether the store was free, and is held as `alone` does; waits for no one."""

    @abstractmethod
    def standing(self) -> str | None:
        """The version that serves: what stands in the serving folder, or what is recorded."""

    @abstractmethod
    def unfinished(self) -> list[Update]:
        """What led to each version that is kept, recorded or not; what a kill left is deleted."""

    @abstractmethod
    def keep(self, model: ModelState, update: Update, near: str | None) -> Update:
        """Write a model whole, sharing files with the version `near`; its update is named."""

    @abstractmethod
    def keep_folder(self, folder: Path, update: Update) -> None:
        """Take in the model of a folder as it is."""

    @abstractmethod
    def holds(self, version: str) -> bool:
        """Whether the files of a version are here."""

    @abstractmethod
    def folder(self, version: str) -> Path:
        """A folder with the files of a version; not to be changed."""

    @abstractmethod
    def serve(self, version: str, lines: Sequence[str]) -> None:
        """Let a version serve, with these lines of decisions, in one moment."""

    @abstractmethod
    def lines(self) -> list[str]:
        """The decisions that lie beside the model that serves."""

    @abstractmethod
    def tell(self, lines: Sequence[str]) -> None:
        """Put decisions beside the model that serves, in place of those there."""

    @abstractmethod
    def drop(self, version: str) -> None:
        """Delete the files of a version."""
