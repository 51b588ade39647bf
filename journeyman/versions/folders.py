"""Versions beside a model folder: the folder itself always is the one that serves.

A version that comes to serve is written whole beside the model folder and renamed onto it, with its
decisions. The people who are enrolled with a version of a model of faces go with it: onto the shelf
when another one serves, and back.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from journeyman.continual.update import Update
from journeyman.files import unwritable, write_bytes, write_text
from journeyman.model_state import ModelState
from journeyman.people.gallery import GALLERY, changing, shelf_beside
from journeyman.saved.folder import DECISIONS, standing_version, sweep, write_folder
from journeyman.saved.manifest import read_manifest
from journeyman.tasks.base import TASKS
from journeyman.versions.keeper import Keeper
from journeyman.versions.shelf import Shelf, copy_version

if TYPE_CHECKING:
    from journeyman.versions.records import Records

RECORDS = "store.db"


class Folders(Keeper):
    """The versions of the model in `serving`, in the folder beside it."""

    serving: Path

    def __init__(self, serving: Path) -> None:
        self.serving = serving
        self.shelf = Shelf(shelf_beside(serving))
        self.place = str(self.shelf.folder)

    @property
    def made(self) -> bool:
        """Whether there is a store at all."""
        return self.shelf.folder.is_dir()

    def records(self) -> Records:
        """The records beside the files; made where there are none."""
        from sqlalchemy.engine import URL

        from journeyman.versions.records import Records

        path = (self.shelf.folder / RECORDS).absolute()
        url = URL.create("sqlite", database=str(path))
        remedy = f"check it; without {path} the store is made anew from the folders beside it"
        return Records(url, "", remedy)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Holds the store for one process; others wait."""
        lock = self._lock()
        try:
            self.shelf.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            raise unwritable(self.shelf.folder, error) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def reading(self) -> Iterator[bool]:
        """Gives whether the store was free, and is held as `alone` does; waits for no one."""
        lock = self._lock()
        try:
            lock.acquire(timeout=0)
        except (OSError, Timeout):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def standing(self) -> str | None:
        """The version that stands in the model folder."""
        return standing_version(self.serving)

    def unfinished(self) -> list[Update]:
        """What led to each version that is kept; half-written folders are deleted."""
        self.shelf.tidy()
        sweep(self.serving)
        found = map(self.shelf.update, self.shelf.versions())
        standing = self.standing()
        if standing is not None:
            (self.shelf.path(standing) / GALLERY).unlink(missing_ok=True)
        return [each for each in found if each is not None]

    def keep(self, model: ModelState, update: Update, near: str | None) -> Update:
        """Write a model whole, sharing files with the version `near`; its update is named."""
        beside = None if near is None or not self.holds(near) else self.shelf.path(near)
        return self.shelf.take(model, update, beside)

    def keep_folder(self, folder: Path, update: Update) -> None:
        """Take in the model of a folder as it is."""
        self.shelf.take_folder(folder, update)

    def holds(self, version: str) -> bool:
        """Whether the files of a version are here."""
        return self.shelf.holds(version)

    def folder(self, version: str) -> Path:
        """The version's folder; of a model that has no store, the model's own."""
        return self.shelf.path(version) if self.made else self.serving

    def serve(self, version: str, lines: Sequence[str]) -> None:
        """Swap the model folder for a version, with these lines of decisions."""
        source = self.shelf.path(version)
        named = TASKS[read_manifest(source)["task"]].kind == "identity"
        with changing(self.serving) if named else nullcontext():
            self._shelve_people()

            def write(beside: Path) -> None:
                copy_version(source, beside)
                write_text(beside / DECISIONS, "".join(f"{line}\n" for line in lines))
                if (source / GALLERY).is_file():
                    shutil.copyfile(source / GALLERY, beside / GALLERY)

            write_folder(self.serving, write)
            (source / GALLERY).unlink(missing_ok=True)

    def lines(self) -> list[str]:
        """The decisions in the model folder."""
        path = self.serving / DECISIONS
        said = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        return [line for line in said.split("\n") if _is_object(line)]

    def tell(self, lines: Sequence[str]) -> None:
        """Write the decisions into the model folder, if there is one."""
        if self.serving.is_dir() and list(lines) != self.lines():
            write_text(self.serving / DECISIONS, "".join(f"{line}\n" for line in lines))

    def drop(self, version: str) -> None:
        """Delete the files of a version."""
        self.shelf.drop(version)

    def _lock(self) -> FileLock:
        """One object a process and path, so that who holds it may ask for it again."""
        return FileLock(self.shelf.folder / ".lock", is_singleton=True)

    def _shelve_people(self) -> None:
        people, standing = self.serving / GALLERY, self.standing()
        if people.is_file() and standing is not None and self.shelf.holds(standing):
            write_bytes(self.shelf.path(standing) / GALLERY, people.read_bytes())


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
