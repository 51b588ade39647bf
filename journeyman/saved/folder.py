"""A model on disk: a folder readable without us and free of pickle, whole or absent."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, TypeVar

import torch

from journeyman.backbones.awaited import awaited
from journeyman.backbones.base import Backbone, BackboneSpec
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import content_sha256, resolve
from journeyman.data.options import DataOptions
from journeyman.errors import FetchError, JourneymanError, ModelError
from journeyman.files import unwritable, write_json, write_text
from journeyman.heads.base import HEADS, HeadShape, SolvedHead
from journeyman.model_state import EXAM, LEDGER, STATISTICS, ModelState
from journeyman.people.gallery import GALLERY
from journeyman.saved.card import model_card
from journeyman.saved.manifest import (
    MANIFEST,
    SCHEMA,
    broken,
    check_files,
    digest,
    json_in,
    read_manifest,
    version_of,
)
from journeyman.tasks.base import TASKS, Schema
from journeyman.tensors import read_tensors, write_tensors
from journeyman.training.learner import Learner
from journeyman.tuners.base import TUNERS
from journeyman.tuners.none import NoTuner

NAMED = ("name", "licence", "source", "sha256", "reference", "options")
"""What model.json says of the backbone."""
SIZES = ("modality", "width", "depth")
"""What it says beside that, so that the network need not be read to know it."""
OWN = "backbone"
"""The folder, within a model's, of a backbone that no one else has."""
CARD = "README.md"
DECISIONS = "decisions.jsonl"
UNSIGNED = (MANIFEST, CARD, DECISIONS, GALLERY)
"""Files that the version does not cover: they name it, or tell what came after."""
_ATTEMPTS = 100
_STALE = 3600
"""Seconds after which a folder that nobody touched is left over."""
_TAKEN = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY)
"""What a rename says when another process was there first."""
LIBRARIES = ("journeyman", "torch", "transformers", "peft", "numpy", "safetensors")


StateType = TypeVar("StateType", bound=ModelState)


def write_model(model: StateType, folder: Path) -> StateType:
    """Write `model` to `folder`, replacing a model that stands there; gives it its version."""

    def write(beside: Path) -> None:
        _write(model, beside)
        _keep_gallery(model, beside, folder)

    write_folder(folder, write)
    model.folder = folder
    return model


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Have a folder written whole beside the old one, whose place it then takes."""
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.new")
    try:
        write(beside)
        _take_place(beside, folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def standing_version(folder: Path) -> str | None:
    """The version of the model that stands in `folder`; None where there is no such folder."""
    _recover(folder)
    return str(read_manifest(folder)["version"]) if folder.exists() else None


def recovered(folder: Path) -> bool:
    """Whether there is a model folder; one that a kill left renamed aside is put back."""
    _recover(folder)
    return folder.is_dir()


def sweep(folder: Path) -> None:
    """Remove what a kill left beside a model that stands: one it replaced, or one half-written.

    A folder that is being written was touched within the hour, and stays.
    """
    if folder.exists():
        shutil.rmtree(_old(folder), ignore_errors=True)
    for left in folder.parent.glob(f".{folder.name}.*.new"):
        if left.is_dir() and time.time() - left.stat().st_mtime > _STALE:
            shutil.rmtree(left, ignore_errors=True)


Networks = dict[str, Backbone]
"""Backbones that were loaded, by `network_key`."""


def read_model(
    folder: Path, backbone: Backbone | None = None, *, networks: Networks | None = None
) -> ModelState:
    """Read the model in `folder`, checked against its version; its backbone is found by name.

    Of several models read with one `networks`, those of one backbone share it.
    """
    _recover(folder)
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    known = {} if networks is None else networks
    network = backbone or _network(folder, manifest["backbone"], known)
    try:
        return _model(folder, manifest, network)
    except JourneymanError as error:
        if error.place.startswith(str(folder)):
            raise
        where = f"{folder / MANIFEST}, {error.place}"
        raise broken(where, error.expected, error.found or error.problem) from error
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        said = (str(error).splitlines() or [""])[0]
        expected = "a model.json whose parts fit each other"
        found = f"{type(error).__name__}: {said}"[:200]
        raise broken(folder / MANIFEST, expected, found) from error


def _model(folder: Path, manifest: Mapping[str, Any], backbone: Backbone) -> ModelState:
    task = TASKS[manifest["task"]]()
    tuner_said, head_said = manifest["tuner"], manifest["head"]
    tuner_type = TUNERS[tuner_said["name"]]
    tuner = tuner_type(tuner_type.Options(**tuner_said["options"]), manifest["seed"])
    head_type = HEADS[head_said["name"]]
    shape = HeadShape.from_json(head_said["shape"])
    head = head_type(head_type.Options(**head_said["options"]), shape, manifest["seed"])
    cut = int(manifest["cut"])
    backbone.check_cut(cut)
    learner = Learner(task, backbone, tuner, head, cut)
    tuner.restore(folder)
    head.restore(head_said["choices"], read_tensors(folder / "head.safetensors")[0])
    learner.train(False)
    return ModelState(
        name=manifest["name"],
        learner=learner,
        schema=Schema.from_json(manifest["schema_of_targets"]),
        columns=DataOptions(**manifest["columns"]),
        calibration=json_in(folder / "calibration.json"),
        about=manifest["about"],
        version=manifest["version"],
        folder=folder,
    )


def _write(model: ModelState, folder: Path) -> None:
    learner, head = model.learner, model.learner.head
    folder.mkdir(parents=True)
    learner.tuner.save(folder)
    write_tensors(folder / "head.safetensors", head.state_dict())
    if isinstance(head, SolvedHead) and head.holds_statistics:
        write_tensors(folder / STATISTICS, head.statistics())
        _write_ledger(learner, head, folder)
    if model.exam is not None and len(model.exam):
        model.exam.write(folder / EXAM)
    _carry_over(model, folder)
    if learner.backbone.spec.own:
        shutil.copytree(learner.backbone.spec.own, folder / OWN, copy_function=linked)
    write_json(folder / "calibration.json", dict(model.calibration))
    manifest = _manifest(model)
    manifest["files"] = {
        path.relative_to(folder).as_posix(): digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in UNSIGNED
    }
    model.version = manifest["version"] = version_of(manifest)
    write_json(folder / MANIFEST, manifest)
    write_text(folder / CARD, model_card(manifest))


def _write_ledger(learner: Learner, head: SolvedHead, folder: Path) -> None:
    if learner.ledger is not None:
        held = learner.ledger.entries()
        tensors, about = learner.ledger.tensors(head.kept_places(held.layers, held.targets))
        write_tensors(folder / LEDGER, tensors, about)


def _carry_over(model: ModelState, folder: Path) -> None:
    """Copy what a model that was read left in its folder, unchanged, without reading it in."""
    for name in (STATISTICS, LEDGER, EXAM):
        left = None if model.folder is None else model.folder / name
        if left is not None and left.is_file() and not (folder / name).exists():
            shutil.copyfile(left, folder / name)


def _keep_gallery(model: ModelState, beside: Path, folder: Path) -> None:
    """Take the people along who were enrolled with this very version, here or where it was read."""
    for home in (model.folder, folder):
        path = None if home is None else home / GALLERY
        if path is None or not path.is_file():
            continue
        if read_tensors(path)[1].get("version") == model.version:
            shutil.copyfile(path, beside / GALLERY)
            return


def linked(source: str, target: str) -> None:
    """A second name for a file that never changes; a copy where the disk has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _manifest(model: ModelState) -> dict[str, Any]:
    learner = model.learner
    spec = learner.backbone.spec
    return {
        "schema": SCHEMA,
        "name": model.name,
        "task": learner.task.name,
        "schema_of_targets": model.schema.to_json(),
        "backbone": {
            "name": spec.name,
            "reference": OWN if spec.own else spec.reference,
            "sha256": spec.sha256,
            "licence": spec.licence,
            "source": spec.source,
            **{name: getattr(spec, name) for name in SIZES},
            "options": dict(learner.backbone.options),
        },
        "cut": learner.cut,
        "tuner": {"name": learner.tuner.name, "options": _plain(learner.tuner.options)},
        "head": {
            "name": learner.head.name,
            "options": _plain(learner.head.options),
            "choices": learner.head.choices,
            "shape": learner.head.shape.to_json(),
        },
        "columns": model.columns.model_dump(mode="json"),
        "seed": learner.tuner.seed,
        "threads": torch.get_num_threads(),
        "libraries": {name: installed(name) for name in LIBRARIES},
        "about": model.about,
    }


def _plain(options: Any) -> dict[str, Any]:
    said: dict[str, Any] = options.model_dump(mode="json")
    said.pop("name", None)
    return said


def network_key(sha256: str, options: Mapping[str, object]) -> str:
    """What two loaded backbones have in common exactly when they compute the same."""
    return json.dumps([sha256, dict(options)], sort_keys=True)


def awaited_backbone(folder: Path) -> Backbone | None:
    """The backbone of the model in `folder`, read when something is computed with it; None where
    the model does not say enough of it, or bends it."""
    manifest = read_manifest(folder)
    said = manifest["backbone"]
    names = (*NAMED, *SIZES)
    bent = manifest["tuner"] != {"name": NoTuner.name, "options": {}}
    if bent or not isinstance(said, Mapping) or not all(name in said for name in names):
        return None
    if said["reference"] == OWN:
        return None
    spec = BackboneSpec(**{name: said[name] for name in names if name != "options"})
    return awaited(spec, said["options"], lambda: _network(folder, said, {}))


def _network(folder: Path, said: Mapping[str, Any], known: Networks) -> Backbone:
    place = f"{folder / MANIFEST}, backbone"
    if not isinstance(said, Mapping) or not all(name in said for name in NAMED):
        raise broken(place, f"an object with {', '.join(NAMED)}", repr(said)[:80])
    key = network_key(said["sha256"], said["options"])
    if key not in known:
        known[key] = _backbone(folder, place, said)
    return known[key]


def _backbone(folder: Path, place: str, said: Mapping[str, Any]) -> Backbone:
    reference = said["reference"] or said["name"]
    if reference == OWN:
        return _own(folder / OWN, said)
    try:
        found = resolve(reference)
    except FetchError as error:
        raise FetchError(
            f"The backbone of the model, {reference}, is not to be had.",
            place=place,
            expected=f"{reference} with SHA-256 {said['sha256'][:12]}",
            found=error.found if error.place.startswith("hub") else error.problem,
            remedy=f"put the folder {reference} back, or ask from the folder it lies in"
            if said["source"] == "folder"
            else error.remedy,
        ) from error
    if found.sha256 != said["sha256"]:
        raise ModelError(
            "The backbone on this machine is not the one the model was trained on.",
            place=place,
            expected=f"{said['name']} with SHA-256 {said['sha256'][:12]}",
            found=f"SHA-256 {found.sha256[:12]} in {found.folder}",
            remedy="restore that backbone, or fine-tune again on this one",
        )
    spec = {name: said[name] for name in NAMED if name != "options"}
    return load_backbone(found.folder, spec, said["options"])


def _own(folder: Path, said: Mapping[str, Any]) -> Backbone:
    """The backbone that the model took along; its files were checked with the model's."""
    found = content_sha256(folder)
    if found != said["sha256"]:
        raise broken(folder, f"SHA-256 {str(said['sha256'])[:12]}", f"SHA-256 {found[:12]}")
    spec = {name: said[name] for name in ("name", "licence", "source", "sha256")}
    return load_backbone(folder, {**spec, "reference": OWN, "own": str(folder)}, said["options"])


def _take_place(beside: Path, folder: Path) -> None:
    """Rename the new folder into place; the old one goes aside for that moment.

    Another process may put the old one back meanwhile, taking this for what a kill left: then it
    is moved aside again.
    """
    old = _old(folder)
    for attempt in range(_ATTEMPTS):
        try:
            if folder.exists():
                shutil.rmtree(old, ignore_errors=True)
                folder.rename(old)
            beside.rename(folder)
            break
        except OSError as error:
            if error.errno not in _TAKEN or attempt == _ATTEMPTS - 1:
                raise
    shutil.rmtree(old, ignore_errors=True)


def _recover(folder: Path) -> None:
    """Put back a model that a kill left renamed aside; of several processes, any one does."""
    if folder.exists() or not _old(folder).is_dir():
        return
    try:
        _old(folder).rename(folder)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
