"""What a recipe says of the loop that contradicts itself, the task or the data."""

from __future__ import annotations

from typing import Any

from journeyman.errors import JourneymanError
from journeyman.heads.base import HEADS
from journeyman.recipe.data_checks import column_of
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.near import nearest
from journeyman.recipe.options import Recipe
from journeyman.tasks.base import Task
from journeyman.training.augmentations.base import (
    AUGMENTATIONS,
    AugmentOptions,
    check_mosaics,
)
from journeyman.training.objectives.base import objective_of
from journeyman.tuners.base import TUNERS, Tuner

OF_THE_LOOP = ("accumulate", "processes", "augment", "objective")


def check_loop(recipe: Recipe, task: Task, mistakes: Mistakes) -> None:
    """Add every contradiction among the options of the loop."""
    _check_trains(recipe, task, mistakes)
    _check_targets(recipe, task, mistakes)
    _check_objective(recipe, task, mistakes)
    _check_parts(recipe, mistakes)
    check_augmentations(recipe.finetune.augment, ("finetune", "augment"), task, mistakes)


def _check_trains(recipe: Recipe, task: Task, mistakes: Mistakes) -> None:
    """Options of the loop where nothing is trained by gradient."""
    options = recipe.finetune
    tuner = options.tuner if options.tuner == "auto" else _name(options.tuner, task.default_tuner)
    head = _name(options.head, task.default_head)
    if tuner not in TUNERS or head not in HEADS or TUNERS[tuner].trains or not HEADS[head].solved:
        return
    fields = type(options).model_fields
    viewed = task.modality == "image"  # A solved head learns from other views of pictures.
    own = options.objective is not None and objective_of(options.objective).head
    told = {"augment"} if viewed else set()
    told |= {"objective"} if own else set()  # The head that it trains is missing: told so.
    for name in OF_THE_LOOP:
        if getattr(options, name) != fields[name].default and name not in told:
            mistakes.add(
                ("finetune", name), f"`{name}` has nothing to act on: nothing is trained in steps.",
                expected="a tuner such as `lora`, or `head: linear`",
                found=f"{name} with tuner {tuner} and head {head}",
                remedy=f"remove finetune.{name}, or name a tuner",
            )  # fmt: skip


def _check_targets(recipe: Recipe, task: Task, mistakes: Mistakes) -> None:
    options = recipe.finetune
    if options.augment is not None and task.kind == "tags":
        mistakes.add(
            ("finetune", "augment"), f"The task {task.name} cannot learn from changed texts.",
            expected="a task of whole texts: labels of words would lose their places",
            found=task.name, remedy="remove finetune.augment",
        )  # fmt: skip


def _check_objective(recipe: Recipe, task: Task, mistakes: Mistakes) -> None:
    said = recipe.finetune.objective
    if said is None:
        return
    objective = objective_of(said)
    reason, head = objective.permits(task), _name(recipe.finetune.head, task.default_head)
    if reason is None and objective.head not in (None, head):
        mistakes.add(
            ("finetune", "objective"),
            f"The objective {said.name} trains the head {objective.head} alone.",
            expected=f"`head: {objective.head}` beside it", found=f"head {head}",
            remedy=f"write `head: {objective.head}`, or remove finetune.objective",
        )  # fmt: skip
    if reason is not None:
        mistakes.add(
            ("finetune", "objective"),
            f"The task {task.name} cannot be trained for the objective {said.name}.",
            expected="an objective that suits the task", found=f"{said.name}: {reason}",
            remedy="remove finetune.objective",
        )  # fmt: skip


def check_augmentations(
    options: AugmentOptions | None, place: tuple[str, ...], task: Task, mistakes: Mistakes
) -> None:
    """Add kinds that there are not, or that do not suit the task, at the field `place`."""
    if options is None:
        return
    _check_mosaics(options, place, task, mistakes)
    suited = [n for n in AUGMENTATIONS if AUGMENTATIONS[n].modality == task.modality]
    named = f"name some of them: `{place[-1]}: {{kinds: [{', '.join(suited)}]}}`"
    if not options.chosen(task.modality) and not options.mosaics:
        mistakes.add(
            (*place, "kinds"), "There is nothing to change.",
            expected=" | ".join(suited), found="no kinds", remedy=named,
        )  # fmt: skip
    for kind in options.kinds:
        if kind in suited:
            continue
        problem = f"There is no augmentation {kind!r}."
        if kind in AUGMENTATIONS:
            problem = f"The augmentation {kind!r} is not for {task.modality}s."
        near = nearest(kind, suited)
        mistakes.add(
            (*place, "kinds"), problem,
            expected=" | ".join(suited), found=repr(kind),
            remedy=f"did you mean {near!r}?" if near else named,
        )  # fmt: skip


def _check_mosaics(
    options: AugmentOptions, place: tuple[str, ...], task: Task, mistakes: Mistakes
) -> None:
    try:
        check_mosaics(task, options)
    except JourneymanError as error:
        field = (*place, "mosaics")
        mistakes.add(
            field, error.problem,
            expected=error.expected, found=error.found, remedy=f"remove {'.'.join(field)}",
        )  # fmt: skip


def _check_parts(recipe: Recipe, mistakes: Mistakes) -> None:
    """Steps that cannot be taken in parts, or not by several processes."""
    options = recipe.finetune
    objective = objective_of(options.objective)
    tuner = _name(options.tuner, "")
    for name in ("accumulate", "processes"):
        count, reason = getattr(options, name), ""
        if not objective.splits:
            reason = f"the objective {objective.name}, which compares the rows of a step"
        elif name == "processes" and tuner in TUNERS:
            moves = TUNERS[tuner].after_step is not Tuner.after_step
            reason = f"the tuner {tuner}, which changes from step to step" if moves else ""
        if count > 1 and reason:
            mistakes.add(
                ("finetune", name), "A step cannot be divided here.",
                expected=f"1 with {reason}", found=str(count), remedy=f"remove finetune.{name}",
            )  # fmt: skip


def check_balance(recipe: Recipe, mistakes: Mistakes) -> None:
    """Classes are weighed once, and within a column that rows are kept with."""
    options = recipe.finetune
    if options.balance is not None and options.class_weights:
        mistakes.add(
            ("finetune", "balance"), "Classes are weighed twice.",
            expected="`balance` or `class_weights`", found="both",
            remedy="remove finetune.class_weights",
        )  # fmt: skip
    if options.balanced_within is not None:
        _check_within(options.balanced_within, recipe, mistakes)


def _check_within(column: str, recipe: Recipe, mistakes: Mistakes) -> None:
    """The column is read with the data, and with that of `transfer`."""
    field = ("finetune", "balance", "within")
    known = column_of(recipe.data, "slices") or ()
    if column not in known:
        mistakes.add(
            field, f"The column {column!r} is not read with the data.",
            expected="a column of data.slices: " + (", ".join(known) or "none given"),
            found=repr(column), remedy=f"add it: `data: {{slices: [{column}]}}`",
        )  # fmt: skip
        return
    transfer = recipe.transfer
    if transfer is None:
        return
    if transfer.distil is not None:
        mistakes.add(
            field, f"What a teacher answers has no column {column!r}.",
            expected="no `within` beside transfer.distil",
            found=repr(column), remedy="remove finetune.balance.within",
        )  # fmt: skip
        return
    if transfer.tune == "head" and not transfer.curve.tuned:
        return
    there = known if transfer.data is None else column_of(transfer.data, "slices") or ()
    if column not in there:
        mistakes.add(
            field, f"The column {column!r} is not read with the data of transfer.",
            expected="a column of transfer.data.slices, or `transfer: {tune: head}`",
            found=repr(column), remedy=f"add it: `transfer: {{data: {{slices: [{column}]}}}}`",
        )  # fmt: skip


def _name(chosen: Any, default: str) -> str:
    return default if chosen is None else str(getattr(chosen, "name", default))
