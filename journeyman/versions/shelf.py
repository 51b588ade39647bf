"""A shelf of versions: one whole model folder each, written beside its place and renamed into it.

Files that two versions have in common are one file with two names, where the disk can do that.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from journeyman.continual.update import Update
from journeyman.errors import JourneymanError
from journeyman.files import unwritable, write_json
from journeyman.model_state import ModelState
from journeyman.people.gallery import GALLERY
from journeyman.saved.folder import DECISIONS, linked, write_model
from journeyman.saved.manifest import MANIFEST, check_files, json_in, read_manifest
from journeyman.saved.manifest import digest as digest_of

UPDATE = "update.json"
"""Beside a version's files: what led to it, should its record be lost."""
LEFT_OUT = (UPDATE, GALLERY, DECISIONS)
"""Unsigned files that belong to a place, not to a version."""
_NEW = ".new"


class Shelf:
    """Versions in `folder`, each in a folder of its name.

    With `links` a folder that is taken in shares its files, as they never change.
    """

    def __init__(self, folder: Path, *, links: bool = True) -> None:
        self.folder, self.links = folder, links

    def path(self, version: str) -> Path:
        """Where a version's folder is, or would be."""
        return self.folder / version

    def holds(self, version: str) -> bool:
        """Whether the version stands here."""
        return (self.path(version) / MANIFEST).is_file()

    def versions(self) -> list[str]:
        """The versions that stand here, sorted."""
        found = self.folder.glob(f"[!.]*/{MANIFEST}")
        return sorted(path.parent.name for path in found)

    def take(self, model: ModelState, update: Update, near: Path | None) -> Update:
        """Write a model whole; gives its update, which names the version.

        Files that `near`, the folder of another version, has too are not written twice. The model
        stands here from then on.
        """
        came_from = model.folder
        try:
            with self._beside() as beside:
                write_model(model, beside)
                if update.version not in ("", model.version):
                    raise ValueError(f"the update is to {update.version}, not {model.version}")
                named = replace(update, version=model.version)
                if near is not None:
                    share(beside, near)
                self._put(beside, named)
        except BaseException:
            model.folder = came_from
            raise
        model.folder = self.path(model.version)
        return named

    def take_folder(self, folder: Path, update: Update) -> None:
        """Take in the model in a folder, whole as it must be."""
        check_files(folder, read_manifest(folder))
        with self._beside() as beside:
            copy_version(folder, beside, links=self.links)
            self._put(beside, update)

    def drop(self, version: str) -> None:
        """Delete a version's files; what a kill left of an earlier try goes too."""
        path = self.path(version)
        try:
            if path.exists():
                aside = self.folder / f".{version}.{uuid.uuid4().hex[:8]}{_NEW}"
                path.rename(aside)
                shutil.rmtree(aside)
        except OSError as error:
            raise unwritable(path, error) from error

    def tidy(self) -> None:
        """Delete what a killed process had not finished writing, or deleting."""
        for left in self.folder.glob(f".*{_NEW}"):
            shutil.rmtree(left, ignore_errors=True)

    def update(self, version: str) -> Update | None:
        """What led to a version, by its own folder."""
        path = self.path(version) / UPDATE
        return Update.from_json(json_in(path)) if path.is_file() else None

    @contextmanager
    def _beside(self) -> Iterator[Path]:
        beside = self.folder / f".{uuid.uuid4().hex[:8]}{_NEW}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            yield beside
        except OSError as error:
            raise unwritable(self.folder, error) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _put(self, beside: Path, update: Update) -> None:
        """Rename a whole folder to its version; one that stands there whole stays."""
        for name in (GALLERY, DECISIONS):
            (beside / name).unlink(missing_ok=True)
        write_json(beside / UPDATE, update.to_json())
        path = self.path(update.version)
        if whole(path, update.version):
            write_json(path / UPDATE, update.to_json())
            return
        self.drop(update.version)
        os.replace(beside, path)


def copy_version(source: Path, target: Path, *, links: bool = True) -> None:
    """Copy a version's files to a folder to be made; with `links`, signed ones by a second name."""
    signed = read_manifest(source)["files"]
    target.mkdir(parents=True)
    for name in files_of(source):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (linked if links and name in signed else shutil.copyfile)(str(source / name), str(path))


def files_of(folder: Path) -> list[str]:
    """The files of a version, sorted, those left out that belong to a place alone."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return [name for name in names if name not in LEFT_OUT and not name.startswith(".")]


def share(folder: Path, near: Path) -> None:
    """Let files of `folder` that `near` holds too be the same ones on disk."""
    try:
        known: Mapping[str, Any] = read_manifest(near)["files"]
    except JourneymanError:
        return
    places = {digest: near / name for name, digest in known.items()}
    for name, digest in read_manifest(folder)["files"].items():
        if digest in places and _is(places[digest], digest):
            second = folder / f".{uuid.uuid4().hex[:8]}.part"
            linked(str(places[digest]), str(second))
            os.replace(second, folder / name)


def _is(path: Path, wanted: str) -> bool:
    return path.is_file() and digest_of(path) == wanted


def whole(folder: Path, version: str) -> bool:
    """Whether the folder holds just this version, unharmed."""
    try:
        manifest = read_manifest(folder)
        check_files(folder, manifest)
    except JourneymanError:
        return False
    return bool(manifest["version"] == version)
