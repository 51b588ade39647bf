"""The public doors in Python: fine-tune by recipe, load a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from journeyman.errors import ModelError
from journeyman.journey import travel
from journeyman.model import Model
from journeyman.model_folder import MANIFEST
from journeyman.progress import QUIET, Reporter
from journeyman.recipe.loading import load_recipe


def finetune(
    recipe: str | Path | Mapping[str, Any], *, reporter: Reporter = QUIET, **overrides: Any
) -> Model:
    """Run a recipe (a file, YAML text or a mapping) and give its model.

    `overrides` replace fields: `finetune(recipe, seed=1, finetune={"epochs": 2})`; nested fields
    are merged. Raises RecipeError with every mistake, and what the steps raise.
    """
    chosen = load_recipe(recipe)
    if overrides:
        said = chosen.model_dump(mode="json", exclude_unset=True)
        chosen = load_recipe(_merged(said, overrides))
    return Model.load(travel(chosen, reporter).model)


def load(reference: str | Path) -> Model:
    """The model in a model folder or a run folder."""
    return Model.load(model_folder(reference))


def model_folder(reference: str | Path) -> Path:
    """The folder that a reference means: itself, or `model` within a run folder."""
    if not str(reference):
        raise ModelError(
            "No model is named.",
            place="MODEL",
            expected="a model folder or a run folder",
            found="an empty name",
            remedy="give the folder, such as runs/sentiment",
        )
    folder = Path(reference).expanduser()
    if not (folder / MANIFEST).is_file() and (folder / "model").is_dir():
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


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged
