"""What the recipe field `transfer` says with the rest: names, files, and what does not fit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from journeyman.catalogue.backbones import HUB_ID
from journeyman.catalogue.entry import backbone_entries
from journeyman.data.options import ROLES, DataOptions
from journeyman.errors import ModelError
from journeyman.recipe.data_checks import check_data, existing
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.near import near_files, nearest
from journeyman.recipe.options import Recipe
from journeyman.recipe.text import Location
from journeyman.saved.manifest import read_manifest
from journeyman.tasks.base import TASKS
from journeyman.transfer.options import DistilOptions, TransferOptions
from journeyman.versions.reference import model_folder


def check_transfer(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """Models and files that are there, a task that can be carried over, a teacher for labels."""
    said = recipe.transfer
    if said is None:
        return
    if said.data is not None:
        check_data(said.data, mistakes.within("transfer"))
    for at, name in enumerate(said.candidates):
        _check_model(name, ("transfer", "candidates", at), mistakes)
    if said.distil is not None:
        _check_distil(said.distil, mistakes)
    if task not in TASKS:
        return
    if TASKS[task].unit != "row":
        mistakes.add(
            ("transfer",), f"The task {task} cannot be carried over.",
            expected="a task of whole texts or pictures", found=task,
            remedy="remove transfer, or name the source as a recipe of the same task",
        )  # fmt: skip
    elif said.distil is not None and TASKS[task].kind != "label":
        mistakes.add(
            ("transfer", "distil"), f"A teacher of the task {task} cannot be learned from.",
            expected="a task of one label a row", found=task,
            remedy="remove transfer.distil",
        )  # fmt: skip


def resolved_transfer(
    said: TransferOptions | None, beside: Callable[[str], str]
) -> TransferOptions | None:
    """The options with paths as `beside` finds them."""
    if said is None:
        return None
    distil = said.distil
    if distil is not None:
        paths = {
            name: beside(value)
            for name in ("teacher", "unlabelled", "into")
            if (value := getattr(distil, name)) is not None
        }
        distil = distil.model_copy(update=paths)
    return said.model_copy(
        update={
            "data": None if said.data is None else _resolved(said.data, beside),
            "candidates": tuple(map(beside, said.candidates)),
            "distil": distil,
        }
    )


def _resolved(data: DataOptions, beside: Callable[[str], str]) -> DataOptions:
    files = {role: beside(name) for role in ROLES if (name := getattr(data, role)) is not None}
    return data.model_copy(update=files)


def _check_distil(said: DistilOptions, mistakes: Mistakes) -> None:
    if said.teacher is not None:
        _check_model(said.teacher, ("transfer", "distil", "teacher"), mistakes)
    file, known = said.unlabelled, list(backbone_entries())
    if file is not None and existing(file) is None:
        near = near_files(Path(file))
        mistakes.add(
            ("transfer", "distil", "unlabelled"), f"The file {file!r} does not exist.",
            expected="the path of a file of rows", found="no such file",
            remedy=f"did you mean {near}?" if near else "check the path",
        )  # fmt: skip
    into = said.into
    if into is None or into in known or os.path.isdir(os.path.expanduser(into)):
        return
    if not into.startswith((".", "~", os.sep)) and HUB_ID.fullmatch(into):
        return
    near = nearest(into, known)
    mistakes.add(
        ("transfer", "distil", "into"), f"There is no backbone {into!r}.",
        expected=f"a name of the catalogue ({', '.join(known)}), a hub id or a folder",
        found=repr(into),
        remedy=f"did you mean {near!r}?" if near else "list the names with `journeyman backbones`",
    )  # fmt: skip


def _check_model(name: str, location: Location, mistakes: Mistakes) -> None:
    try:
        read_manifest(model_folder(name))
    except ModelError as error:
        mistakes.add(
            location, error.problem, expected=error.expected, found=f"{name}: {error.found}",
            remedy=error.remedy,
        )  # fmt: skip
