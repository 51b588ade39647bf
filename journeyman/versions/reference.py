"""What a user may call a model: its folder, the folder of the run that made it, or a version.

A version is named after an `@`, by its first digits or as `current`: `runs/sentiment@3fa1` is one
beside that model, `sentiment@current` one of the store that JOURNEYMAN_STORE names.
"""

from __future__ import annotations

import os
from pathlib import Path

from journeyman.errors import ModelError
from journeyman.saved.folder import recovered
from journeyman.saved.manifest import MANIFEST, read_manifest
from journeyman.versions.store import Store

STORE = "JOURNEYMAN_STORE"
"""The environment variable that holds the URL of a store."""


def model_folder(reference: str | Path) -> Path:
    """The folder that a reference means: itself, `model` within a run folder, or a version's.

    Raises ModelError for a version that there is not.
    """
    name, version = split_version(reference)
    if version is None:
        return _folder(name)
    store = model_store(name)
    found = store.find(version)
    return store.serving if found.current and store.serving else store.load(found.version)


def model_store(reference: str | Path) -> Store:
    """The store of a model: beside its folder, or the one of JOURNEYMAN_STORE for a mere name.

    Which version the reference names does not matter. Raises ModelError where there is no model.
    """
    name, url = split_version(reference)[0], os.environ.get(STORE)
    folder = _folder(name)
    if url and _mere(name) and not folder.exists():
        return Store.open(url, name)
    store = Store.beside(folder)
    if store.current is None:
        read_manifest(folder)
    return store


def split_version(reference: str | Path) -> tuple[str, str | None]:
    """A reference without its version, and the version; None where it names none."""
    said = str(reference)
    name, at, version = said.rpartition("@")
    if not (at and name and version) or set(version) & {"/", os.sep}:
        return said, None
    if Path(said).expanduser().exists():
        return said, None
    if _folder(name).exists() or (_mere(name) and os.environ.get(STORE)):
        return name, version
    if _mere(name):
        raise ModelError(
            "There is no store to look for this version in.",
            place="MODEL",
            expected=f"FOLDER@VERSION, or NAME@VERSION of a store that {STORE} names",
            found=f"{said!r}, no folder {name}, and no {STORE}",
            remedy=f"name the folder, such as runs/{name}@{version}, or set {STORE}",
        )
    return said, None


def _mere(name: str) -> bool:
    return len(Path(name).parts) == 1 and not name.startswith((".", "~"))


def _folder(reference: str | Path) -> Path:
    if not str(reference):
        raise ModelError(
            "No model is named.",
            place="MODEL",
            expected="a model folder or a run folder",
            found="an empty name",
            remedy="give the folder, such as runs/sentiment",
        )
    folder = Path(reference).expanduser()
    if not (folder / MANIFEST).is_file() and recovered(folder / "model"):
        return folder / "model"
    if folder.is_file():
        raise ModelError(
            "A model is a folder, and this is a file.",
            place=str(folder),
            expected="a model folder or a run folder",
            found="a file",
            remedy="give the folder of the model"
            if folder.name != MANIFEST
            else f"give the folder it stands in: {folder.parent}",
        )
    return folder
