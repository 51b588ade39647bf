"""The public doors in Python: fine-tune by recipe, load a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeyman.ensembles.ensemble import Ensemble
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.saved.manifest import ENSEMBLE
from journeyman.versions.reference import model_folder, model_store

if TYPE_CHECKING:
    from journeyman.continual.options import UpdateOptions
    from journeyman.watching.options import WatchOptions
    from journeyman.watching.watch import Watch


def finetune(
    recipe: str | Path | Mapping[str, Any], *, reporter: Reporter = QUIET, **overrides: Any
) -> Model:
    """Run a recipe (a file, YAML text or a mapping) and give its model.

    `overrides` replace fields: `finetune(recipe, seed=1, finetune={"epochs": 2})`; nested fields
    are merged. Raises RecipeError with every mistake, and what the steps raise.
    """
    from journeyman.journey import travel  # With all steps: not for who only loads a model.
    from journeyman.recipe.loading import load_recipe

    chosen = load_recipe(recipe)
    if overrides:
        said = chosen.model_dump(mode="json", exclude_unset=True)
        chosen = load_recipe(_merged(said, overrides))
    return Model.load(travel(chosen, reporter).model)


def load(reference: str | Path) -> Model:
    """The model in a model folder or a run folder, or the ensemble in its folder."""
    folder = model_folder(reference)
    return (Ensemble if (folder / ENSEMBLE).is_file() else Model).load(folder)


def watch(
    reference: str | Path,
    options: WatchOptions | None = None,
    *,
    gate: UpdateOptions | None = None,
) -> Watch:
    """A watch over a model in its place: `step(rows)` takes rows in and tells what befell.

    `gate` says which updates may serve. Raises ModelError for an ensemble.
    """
    from journeyman.watching.options import WatchOptions
    from journeyman.watching.teacher import Teacher
    from journeyman.watching.watch import Watch

    store, model = model_store(reference), load(reference).single()
    teacher = Teacher(store) if gate is None else Teacher(store, gate)
    return Watch(model, teacher, options or WatchOptions())


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged
