"""What the manifest of a model, or of an ensemble, says of its folder, and whether that is so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from journeyman.errors import JourneymanError, ModelError

SCHEMA = 1
NEEDED = ("head.safetensors", "calibration.json")
MANIFEST = "model.json"
ENSEMBLE = "ensemble.json"
"""In place of model.json, in the folder of several models that answer together."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """The contents of model.json; a ModelError when it is missing, foreign or newer."""
    path = folder / MANIFEST
    if not path.is_file() and (folder / ENSEMBLE).is_file():
        raise ModelError(
            "This is an ensemble, and a single model is wanted here.",
            place=str(folder),
            expected=f"a run folder, or a model folder with {MANIFEST}",
            found=f"a folder with {ENSEMBLE}",
            remedy=f"name one of its members: {folder / 'members' / '0'}",
        )
    if not path.is_file():
        raise ModelError(
            "There is no model here.",
            place=str(folder),
            expected=f"a run folder, or a model folder with {MANIFEST}",
            found="no such folder" if not folder.exists() else f"no {MANIFEST}",
            remedy=_nearby(folder) or "make one: journeyman run RECIPE",
        )
    manifest = manifest_in(path)
    wanted = ("name", "task", "schema_of_targets", "backbone", "cut", "tuner", "head", "seed")
    missing = [n for n in (*wanted, "columns", "about", "files", "version") if n not in manifest]
    if missing:
        raise broken(path, "a whole model.json", f"no {', '.join(missing)}")
    files = manifest["files"]
    if not isinstance(files, dict) or not all(name in files for name in NEEDED):
        raise broken(path, f"`files` that names {', '.join(NEEDED)}", repr(files)[:80])
    return manifest


def manifest_in(path: Path) -> dict[str, Any]:
    """What model.json, or ensemble.json, says; a ModelError when it is foreign or newer."""
    said = json_in(path)
    if not isinstance(said, dict) or type(said.get("schema")) is not int:
        raise ModelError(
            "This is not a model of Journeyman's.",
            place=str(path),
            expected="what Journeyman writes: an object with schema, name, task, backbone ...",
            found=f"an object with {', '.join(list(said)[:5]) or 'nothing'}"
            if isinstance(said, dict)
            else f"a {type(said).__name__}",
            remedy="give the folder of a model that Journeyman made",
        )
    if said["schema"] > SCHEMA:
        raise ModelError(
            "The model was made by a newer version of Journeyman.",
            place=str(path),
            expected=f"schema {SCHEMA} or older",
            found=f"schema {said['schema']}",
            remedy="upgrade: pip install --upgrade journeyman",
        )
    return said


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare every file with its SHA-256, and the whole with the version."""
    for name, wanted in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise broken(path, "a file of the model", "no such file")
        found = digest(path)
        if found != wanted:
            told = f"SHA-256 {found[:12]} in {path.stat().st_size:,} bytes"
            raise broken(path, f"SHA-256 {str(wanted)[:12]}", told)
    version, said = version_of(manifest), manifest["version"]
    if version != said:
        raise broken(folder / MANIFEST, f"version {version}", f"version {said}")


def version_of(manifest: Mapping[str, Any]) -> str:
    """12 hex digits of a SHA-256 over model.json without its version; it names every file's."""
    content = {name: value for name, value in manifest.items() if name != "version"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return sha256(text.encode()).hexdigest()[:12]


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        value = sha256()
        while block := file.read(1 << 20):
            value.update(block)
    return value.hexdigest()


def json_in(path: Path) -> Any:
    """What a file of JSON holds; a ModelError when it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise broken(path, "JSON in UTF-8", str(error)) from error


def _nearby(folder: Path) -> str:
    """Which model may be meant, in the folder or beside it."""
    for place in (folder, folder.parent):
        manifests = [*place.glob(f"*/{MANIFEST}"), *place.glob(f"*/model/{MANIFEST}")]
        runs = sorted(
            str(path.parent.parent if path.parent.name == "model" else path.parent)
            for path in manifests
        )
        if runs:
            return f"did you mean {' or '.join(runs[:3])}?"
    return ""


def broken(path: Path | str, expected: str, found: str) -> JourneymanError:
    """What is told of a file that is not what it was when the model was saved."""
    return ModelError(
        "A file of the model is not as it was saved.",
        place=str(path),
        expected=expected,
        found=found,
        remedy="restore the model folder from a copy, or make the model again",
    )
