"""What fields of a recipe say together: contradictions, and names and files that are not there."""

from __future__ import annotations

import os
from pathlib import Path

from journeyman.catalogue.backbones import HUB_ID
from journeyman.catalogue.entry import backbone_entries, dataset_entries
from journeyman.data.options import DataOptions
from journeyman.errors import DataError
from journeyman.explainers.base import EXPLAINERS
from journeyman.recipe.adapt_checks import check_adapt
from journeyman.recipe.data_checks import check_data, column_of, existing, has_boxes, is_read_by
from journeyman.recipe.extra_checks import check_extra
from journeyman.recipe.label_cleaning_checks import check_audit, check_label_cleaning
from journeyman.recipe.loop_checks import check_balance, check_loop
from journeyman.recipe.missing_checks import check_missing
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.modality_checks import check_modality
from journeyman.recipe.near import near_files, nearest
from journeyman.recipe.options import Recipe
from journeyman.recipe.pattern_checks import check_pattern
from journeyman.recipe.scope_checks import check_scope
from journeyman.recipe.search_checks import check_search
from journeyman.recipe.self_training_checks import check_self_training
from journeyman.recipe.text import Location
from journeyman.recipe.transfer_checks import check_transfer
from journeyman.tasks.base import TASKS, Task, usual_task
from journeyman.tuners.base import TUNERS
from journeyman.types import TargetKind

_TARGET_FIELDS = (
    "label", "soft_label", "label_separator", "label_names", "tokens", "tags", "boxes", "ratings",
)  # fmt: skip
"""The fields of `data` about targets: a task reads those that it needs or names in `reads`."""


def check(recipe: Recipe, mistakes: Mistakes) -> None:
    """Add every contradiction of a recipe whose paths are resolved."""
    check_backbone(recipe, mistakes)
    check_data(recipe.data, mistakes)
    check_extra(recipe, mistakes)
    check_explainer(recipe, mistakes)
    check_transfer(recipe, task_of(recipe), mistakes)
    check_adapt(recipe, task_of(recipe), mistakes)
    check_pretrain(recipe, mistakes)
    check_finetune(recipe, mistakes)
    check_balance(recipe, mistakes)
    check_pattern(recipe, task_of(recipe), mistakes)
    check_self_training(recipe, task_of(recipe), mistakes)
    check_missing(recipe, task_of(recipe), mistakes)
    check_label_cleaning(recipe, task_of(recipe), mistakes)
    check_audit(recipe, task_of(recipe), mistakes)
    check_scope(recipe, task_of(recipe), mistakes)
    check_search(recipe, task_of(recipe), mistakes)
    if recipe.folder.exists() and not recipe.folder.is_dir():
        mistakes.add(
            ("output",), "The run's folder is a file.", expected="a folder, or no such path",
            found=f"a file {recipe.folder}", remedy="name another folder",
        )  # fmt: skip
    name = task_of(recipe)
    if name in TASKS:
        check_task(recipe, TASKS[name](), mistakes)
        check_modality(recipe, TASKS[name], mistakes)
        check_loop(recipe, TASKS[name](), mistakes)


def task_of(recipe: Recipe) -> str:
    """The task by name: as given, else as the data tells without being read; else empty."""
    data = recipe.data
    if recipe.task:
        return str(recipe.task)
    if data.tags or is_read_by("conll", data):
        return usual_task("tags").name
    if has_boxes(data):
        return _usual_of_pictures("boxes")
    if data.image or is_read_by("picture-folder", data):
        return _usual_of_pictures("labels" if data.label_separator else "label")
    if data.label_separator:
        return usual_task("labels").name
    entry = dataset_entries().get(data.dataset or "")
    return entry.task if entry else ""


def _usual_of_pictures(kind: TargetKind) -> str:
    try:
        return usual_task(kind, "image").name
    except DataError:
        return ""  # Told when the data are read, and every kind of target is known.


def check_backbone(recipe: Recipe, mistakes: Mistakes) -> None:
    """A name of the catalogue, a folder, or what may be on the hub."""
    name = recipe.backbone.name
    known = list(backbone_entries())
    if name in known or os.path.isdir(os.path.expanduser(name)):
        return
    is_path = name.startswith((".", "~", os.sep))
    if not is_path and HUB_ID.fullmatch(name):
        return
    near = near_files(Path(name)) if is_path else nearest(name, known)
    mistakes.add(
        ("backbone",), f"There is no backbone {name!r}.",
        expected=f"a name of the catalogue ({', '.join(known)}), a hub id such as owner/name, or "
        "a folder",
        found="no such folder" if is_path else repr(name),
        remedy=f"did you mean {near!r}?" if near else "list the names with `journeyman backbones`",
    )  # fmt: skip


def check_explainer(recipe: Recipe, mistakes: Mistakes) -> None:
    """A method by name."""
    name = recipe.explain.method
    if name is not None and name not in EXPLAINERS:
        near = nearest(name, EXPLAINERS)
        mistakes.add(
            ("explain", "method"), f"There is no explainer {name!r}.",
            expected=" | ".join(EXPLAINERS), found=repr(name),
            remedy=f"did you mean {near!r}?" if near
            else "leave it out for the default",
        )  # fmt: skip


def check_pretrain(recipe: Recipe, mistakes: Mistakes) -> None:
    """Files of text that are there; a column only of such files."""
    options = recipe.pretrain
    if options is None:
        return
    for at, file in enumerate(options.data):
        if existing(file) is None:
            near = near_files(Path(file))
            mistakes.add(
                ("pretrain", "data", at), f"The file of text {file!r} does not exist.",
                expected="the path of a file of text", found="no such file",
                remedy=f"did you mean {near}?" if near
                else "check the path: it is looked for beside the recipe, then in the current "
                "folder",
            )  # fmt: skip
    if options.text is not None and not options.data:
        mistakes.add(
            ("pretrain", "text"), "A column is named without a file that has it.",
            expected="`text` beside `data`", found="no pretrain.data",
            remedy="name the file in pretrain.data, or remove pretrain.text",
        )  # fmt: skip


def check_finetune(recipe: Recipe, mistakes: Mistakes) -> None:
    """A cut is where a tuner starts, so it needs one."""
    options, name = recipe.finetune, task_of(recipe)
    _check_auto(recipe, mistakes)
    if options.tuner == "auto":
        return
    default = TASKS[name].default_tuner if name in TASKS else ""
    tuner = str(getattr(options.tuner, "name", default))
    if tuner not in TUNERS or options.cut == "auto":
        return
    only = TUNERS[tuner].only_cut
    if only is not None and options.cut != only:
        mistakes.add(
            ("finetune", "cut"), f"The tuner `{tuner}` works at cut {only} alone.",
            expected=f"no `cut`, or {only}", found=f"cut {options.cut}",
            remedy="remove finetune.cut, or name a tuner such as `tuner: lora`",
        )  # fmt: skip
    if TUNERS[tuner].trains:
        return
    given = "" if options.tuner else ", the default of the task,"
    mistakes.add(
        ("finetune", "cut"), f"The tuner `{tuner}` has nothing above a cut.",
        expected="no `cut`, or a tuner for the layers above it",
        found=f"cut {options.cut} with tuner {tuner}{given}".rstrip(","),
        remedy="remove finetune.cut, or name a tuner such as `tuner: full`",
    )  # fmt: skip


def _check_auto(recipe: Recipe, mistakes: Mistakes) -> None:
    """The ladder sets cuts, and it alone keeps to a budget."""
    options = recipe.finetune
    if options.tuner == "auto" and options.cut != "auto":
        mistakes.add(
            ("finetune", "cut"), "The tuner `auto` chooses the cut itself.",
            expected="no `cut` beside `tuner: auto`", found=f"cut {options.cut}",
            remedy="remove finetune.cut, or name a tuner",
        )  # fmt: skip
    if options.tuner != "auto" and options.budget is not None:
        mistakes.add(
            ("finetune", "budget"), "Only the tuner `auto` keeps to a budget.",
            expected="`budget` beside `tuner: auto`", found=f"a budget of {options.budget:g} s",
            remedy="set `tuner: auto`, or remove finetune.budget",
        )  # fmt: skip


def check_task(recipe: Recipe, task: Task, mistakes: Mistakes) -> None:
    """What the task does not permit, read or do."""
    options = recipe.finetune
    head = getattr(options.head, "name", task.default_head)
    if head not in task.heads():
        mistakes.add(
            ("finetune", "head"), f"The task {task.name} does not work with the head `{head}`.",
            expected=" | ".join(task.heads()), found=head,
            remedy=f"use `head: {task.default_head}`",
        )  # fmt: skip
    if options.metric is not None and options.metric not in task.metric_names:
        near = nearest(options.metric, task.metric_names)
        mistakes.add(
            ("finetune", "metric"), f"The task {task.name} has no metric {options.metric!r}.",
            expected=" | ".join(task.metric_names), found=repr(options.metric),
            remedy=f"did you mean {near!r}?" if near
            else f"leave it out for the default ({task.primary_metric})",
        )  # fmt: skip
    if options.target_accuracy is not None and "accuracy" not in task.metric_names:
        mistakes.add(
            ("finetune", "target_accuracy"), f"The task {task.name} does not abstain.",
            expected="`target_accuracy` with a task that has an accuracy: "
            + " | ".join(name for name in TASKS if "accuracy" in TASKS[name].metric_names),
            found=f"target_accuracy {options.target_accuracy:g} with {task.name}",
            remedy="remove finetune.target_accuracy",
        )  # fmt: skip
    if task.kind == "identity" and options.folds not in ("auto", 0):
        mistakes.add(
            ("finetune", "folds"), f"The task {task.name} has no use for folds.",
            expected="no `folds`: vectors of two models are not alike, so no pair can be judged",
            found=f"folds {options.folds} with {task.name}",
            remedy="remove finetune.folds; the head `whitening` leaves people out by itself",
        )  # fmt: skip
    if options.class_weights and not task.weighs_classes:
        mistakes.add(
            ("finetune", "class_weights"), f"The task {task.name} has no classes to weigh.",
            expected="`class_weights` with exclusive classes", found=f"true with {task.name}",
            remedy="remove finetune.class_weights",
        )  # fmt: skip
    if options.balance and not (task.weighs_classes and task.unit == "row"):
        mistakes.add(
            ("finetune", "balance"), f"The task {task.name} has no whole texts to weigh.",
            expected="`balance` with text-classification", found=f"balance with {task.name}",
            remedy="remove finetune.balance",
        )  # fmt: skip
    _check_columns(recipe, task, mistakes)


def _check_columns(recipe: Recipe, task: Task, mistakes: Mistakes) -> None:
    data = recipe.data
    for name in _TARGET_FIELDS:
        if getattr(data, name) is not None and not _reads(task, name):
            readers = " | ".join(other for other in TASKS if _reads(TASKS[other], name))
            mistakes.add(
                ("data", name), f"The task {task.name} does not read `{name}`.",
                expected=f"no `{name}`, or a task that reads it: {readers}",
                found=f"{name}: {getattr(data, name)}",
                remedy=f"remove data.{name}, or change the task",
            )  # fmt: skip
    missing = [name for name in task.needs if not _given(recipe, task, name)]
    if not missing or (not data.dataset and task.unit != "token"):
        return  # Columns of a file of texts are guessed from it.
    if data.dataset and data.dataset not in dataset_entries():
        return
    if not data.dataset and (is_read_by("conll", data) or _unknown_format(data)):
        return
    where = f"the dataset {data.dataset}" if data.dataset else "a file that is not CoNLL"
    location: Location = ("task",) if recipe.task else ("data",)
    mistakes.add(
        location, f"The task {task.name} lacks a column.",
        expected=f"{' and '.join(f'data.{name}' for name in task.needs)} with {where}",
        found=f"no {' and no '.join(missing)}",
        remedy=_other_task(data) or f"name it: `data: {{{missing[0]}: COLUMN}}`",
    )  # fmt: skip


def _reads(task: type[Task] | Task, name: str) -> bool:
    return name in task.needs or name in task.reads


def _given(recipe: Recipe, task: Task, name: str) -> bool:
    """Whether a column that the task needs is named, or another that stands in for it."""
    others = ("soft_label",) if name == "label" and "soft_label" in task.reads else ()
    return any(column_of(recipe.data, each) is not None for each in (name, *others))


def _other_task(data: DataOptions) -> str:
    entry = dataset_entries().get(data.dataset or "")
    return f"set `task: {entry.task}`, which the dataset is made for" if entry else ""


def _unknown_format(data: DataOptions) -> bool:
    """Whether the file is not there to be looked at."""
    is_local = data.train is not None and not data.train.startswith("hub:")
    return is_local and data.format is None and existing(str(data.train)) is None
