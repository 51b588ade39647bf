"""A recipe: the YAML of a run as one validated object, checked whole before any work."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from journeyman.data.options import ROLES
from journeyman.errors import RecipeError
from journeyman.recipe.adapt_checks import resolved_adapt
from journeyman.recipe.checks import check, task_of
from journeyman.recipe.data_checks import existing
from journeyman.recipe.extra_checks import resolved_extra
from journeyman.recipe.mistakes import Mistakes, validated
from journeyman.recipe.options import USUAL_BACKBONE, Recipe
from journeyman.recipe.sets import apply_sets
from journeyman.recipe.text import Written, read_file, read_mapping, read_text
from journeyman.recipe.transfer_checks import resolved_transfer
from journeyman.tasks.base import TASKS

Source = str | Path | Mapping[str, Any] | Recipe


def load_recipe(source: Source, sets: Sequence[str] = ()) -> Recipe:
    """The recipe of a file, of a mapping, or of YAML text (a string of several lines).

    `sets` are overrides, `finetune.epochs=3`, their values in YAML. Relative paths of data and of
    a backbone's folder are looked for in the folder of the recipe's file first, then in the
    current folder, and made relative to the current folder; `output` is relative to the current
    folder. Raises RecipeError with every mistake that was found.
    """
    written = _written(source)
    apply_sets(written, sets)
    written.values = {name: part for name, part in written.values.items() if part is not None}
    written.values.setdefault("name", _name(written))
    mistakes = Mistakes(written)
    recipe = validated(written, mistakes)
    if recipe is not None:
        recipe = _with_usual(_resolved(recipe, written.folder))
        check(recipe, mistakes)
    found = mistakes.all()
    if found or recipe is None:
        count = "a mistake" if len(found) == 1 else f"{len(found)} mistakes"
        source = f" {written.source}" if written.folder is not None else ""
        raise RecipeError(f"The recipe{source} has {count}.", found)
    return recipe


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML with every value it was run with; the same recipe gives the same text."""
    return yaml.safe_dump(lean(recipe), sort_keys=False, allow_unicode=True, width=100)


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of recipes, for editors that complete and check."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**dialect, **Recipe.model_json_schema(mode="validation")}


def _written(source: Source) -> Written:
    if isinstance(source, Recipe):
        return read_mapping(lean(source))
    if isinstance(source, Mapping):
        return read_mapping(source)
    if isinstance(source, str) and "\n" in source:
        return read_text(source, "recipe")
    path = Path(source).expanduser()
    return read_text(read_file(path), str(source), path.parent)


def _name(written: Written) -> str:
    """The stem of the recipe's file, else what its data are called."""
    stem = Path(written.source).stem if written.folder is not None else ""
    data = written.values.get("data")
    if not stem and isinstance(data, dict):
        stem = Path(str(data.get("dataset") or data.get("train") or "")).stem
    return re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:100] or "journey"


def _resolved(recipe: Recipe, folder: Path | None) -> Recipe:
    if folder is None or folder == Path():
        return recipe
    data: dict[str, Any] = {
        role: _beside(source, folder)
        for role in ROLES
        if (source := getattr(recipe.data, role)) is not None
    }
    data["extra"] = resolved_extra(recipe.data.extra, lambda name: _beside(name, folder))
    data["unlabelled"] = tuple(_beside(file, folder) for file in recipe.data.unlabelled)
    if recipe.data.corrections is not None:
        data["corrections"] = _beside(recipe.data.corrections, folder)
    name = recipe.backbone.name
    backbone = _beside(name, folder) if os.path.isdir(folder / name) else name
    pretrain = recipe.pretrain
    if pretrain is not None:
        texts = tuple(_beside(file, folder) for file in pretrain.data)
        pretrain = pretrain.model_copy(update={"data": texts})
    return recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update=data),
            "backbone": recipe.backbone.model_copy(update={"name": backbone}),
            "pretrain": pretrain,
            "transfer": resolved_transfer(recipe.transfer, lambda name: _beside(name, folder)),
            "adapt": resolved_adapt(recipe.adapt, lambda name: _beside(name, folder)),
        }
    )


def _with_usual(recipe: Recipe) -> Recipe:
    """What is usual for the task where nothing is said: its backbone, and of boxes no exam rows,
    since no exam is kept of maps."""
    task, backbone, collect = task_of(recipe), recipe.backbone, recipe.collect
    if task not in TASKS:
        return recipe
    if "name" not in backbone.model_fields_set:
        usual = USUAL_BACKBONE[TASKS[task].modality]
        backbone = backbone.model_copy(update={"name": usual})
    if TASKS[task].kind == "boxes" and "exam" not in collect.fractions.model_fields_set:
        fractions = collect.fractions.model_copy(update={"exam": 0.0})
        collect = collect.model_copy(update={"fractions": fractions})
    return recipe.model_copy(update={"backbone": backbone, "collect": collect})


def _beside(source: str, folder: Path) -> str:
    if source.startswith(("hub:", "~")) or os.path.isabs(source):
        return source
    beside = os.path.normpath(folder / source)
    return beside if existing(beside) is not None else source


def lean(options: BaseModel) -> Any:
    """Plain values of an options object: names alone in their short form, no idle nulls."""
    values: dict[str, Any] = {}
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if value is None and field.default is None:
            continue
        if isinstance(value, BaseModel):
            value = lean(value)
        if isinstance(value, tuple):
            value = [lean(part) if isinstance(part, BaseModel) else part for part in value]
        values[name] = value
    return values["name"] if list(values) == ["name"] else values
