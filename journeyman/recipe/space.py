"""A recipe with other values in its fields, which of them count, and what is tried by default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from journeyman.backbones.base import Backbone
from journeyman.heads.base import HEADS
from journeyman.recipe.domains import Choices, Domain, Range, domain
from journeyman.recipe.fields import models, plain_types
from journeyman.recipe.loading import lean, load_recipe
from journeyman.recipe.options import Recipe
from journeyman.recipe.sets import put
from journeyman.tasks.base import Task
from journeyman.training.options import LoopOptions
from journeyman.tuners.base import TUNERS

TUNER, HEAD = "finetune.tuner", "finetune.head"
NAMED = ("backbone", TUNER, HEAD)
"""Fields that others hang on; they are drawn first."""
_ABOVE_THE_CUT = ("cut", "learning_rate", "dropout")


def ordered(space: Iterable[str]) -> list[str]:
    """Fields in the order they are drawn in: what others hang on first."""
    return sorted(space, key=lambda name: (name not in NAMED, name))


def applied(recipe: Recipe, task: Task, values: Mapping[str, Any]) -> Recipe:
    """The recipe without its search and with `values` in its fields, checked whole.

    Raises RecipeError when they contradict each other.
    """
    return load_recipe(_said(recipe, task, values))


def _said(recipe: Recipe, task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = lean(recipe)
    said.pop("search", None)
    finetune = said["finetune"]
    for name in ordered(values):
        parts = name.split(".")
        if len(parts) > 2 and name.startswith((f"{TUNER}.", f"{HEAD}.")):
            finetune.setdefault(parts[1], getattr(task, f"default_{parts[1]}"))
        if name in (TUNER, HEAD) and _named(finetune.get(parts[1])) == values[name]:
            continue  # The recipe's own options of it stay.
        put(said, tuple(parts), values[name])
    tuner = TUNERS[_named(finetune.get("tuner", task.default_tuner))]
    if TUNER in values and not tuner.trains:
        finetune.pop("cut", None)
    return said


def space_of(recipe: Recipe, task: Task, backbone: Backbone) -> dict[str, Domain]:
    """The space a recipe's search names, or the one that suits it."""
    said = recipe.search.space if recipe.search is not None else None
    if said is None:
        return default_space(recipe, task, backbone)
    return {name: domain(each, whole=_is_whole(name)) for name, each in said.items()}


def _is_whole(name: str) -> bool:
    """Whether a field takes whole numbers alone."""
    holders: list[type[BaseModel]] = [Recipe]
    kinds: set[Any] = set()
    for part in name.split("."):
        fields = [m.model_fields[part] for m in holders if part in m.model_fields]
        kinds = {kind for field in fields for kind in plain_types(field.annotation)}
        holders = [model for field in fields for model in models(field.annotation)]
    return float not in kinds


def _named(said: Any) -> Any:
    return said.get("name") if isinstance(said, Mapping) else said


def in_force(field: str, recipe: Recipe, task: Task, values: Mapping[str, Any]) -> bool:
    """Whether a field counts for anything beside the recipe with `values` in its fields."""
    options = Recipe.model_validate(_said(recipe, task, values)).finetune
    tuner = TUNERS[getattr(options.tuner, "name", task.default_tuner)]
    head = HEADS[getattr(options.head, "name", task.default_head)]
    section, _, name = field.partition(".")
    if section != "finetune":
        return True
    name, _, inner = name.partition(".")
    if inner:
        entry = {"tuner": tuner.Options, "head": head.Options}.get(name)
        known = type(getattr(options, name)) if entry is None else entry
        return inner.split(".")[0] in getattr(known, "model_fields", {})
    if name in _ABOVE_THE_CUT:
        return tuner.trains
    return tuner.trains or not head.solved or name not in LoopOptions.model_fields


def default_space(recipe: Recipe, task: Task, backbone: Backbone) -> dict[str, Domain]:
    """What is tried where a recipe does not say: the tuner, where it leaves that open, and the
    settings that matter most for it and for the head."""
    options, depth = recipe.finetune, backbone.spec.depth
    space: dict[str, Domain] = {}
    tuners: Sequence[str] = [getattr(options.tuner, "name", "")]
    if options.tuner is None:
        tuners = ["none", "lora", "full"]
        space[TUNER] = Choices(tuple(tuners))
    head = getattr(options.head, "name", task.default_head)
    trains = any(TUNERS[name].trains for name in tuners)
    if trains:
        space["finetune.learning_rate"] = Range(1e-4, 1e-3, log=True)
    if trains and options.cut == "auto":
        thirds = {depth // 3, depth // 2, depth - depth // 3} & set(backbone.permitted_cuts())
        space["finetune.cut"] = Choices(tuple(sorted(thirds - {depth})) or (0,))
    if trains or not HEADS[head].solved:
        space["finetune.epochs"] = Range(2, 8, whole=True)
    if "lora" in tuners:
        space["finetune.tuner.rank"] = Choices((4, 8, 16, 32))
    if head == "ridge":
        space["finetune.head.kernel"] = Choices((True, False))
    elif head == "whitening":
        space["finetune.head.shrinkage"] = Range(0.05, 0.95)
    elif not HEADS[head].solved:
        space["finetune.head_learning_rate"] = Range(5e-4, 1e-2, log=True)
    return space
