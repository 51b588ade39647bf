"""What a recipe says of texts where its task reads pictures, and the other way round."""

from __future__ import annotations

from typing import Any

from journeyman.catalogue.entry import backbone_entries, dataset_entries
from journeyman.recipe.data_checks import has_boxes, is_read_by
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.options import Recipe
from journeyman.recipe.text import Location
from journeyman.tasks.base import TASKS, Task


def check_modality(recipe: Recipe, task: type[Task], mistakes: Mistakes) -> None:
    """Rows and a backbone of what the task reads, and nothing that only other rows have."""
    _check_backbone(recipe, task, mistakes)
    if task.modality == "image":
        _check_pictures(recipe, task, mistakes)
        _check_vectors(recipe, task, mistakes)
        return
    found = _pictures(recipe)
    if found:
        others = [name for name in TASKS if TASKS[name].modality == "image"]
        mistakes.add(
            ("task",) if recipe.task else ("data",),
            f"The task {task.name} reads texts, and the rows are pictures.",
            expected=" | ".join(others) or "rows of text", found=found,
            remedy=f"set `task: {others[0]}`" if others else "name rows of text",
        )  # fmt: skip


def _pictures(recipe: Recipe) -> str:
    """What says that rows are pictures; empty where nothing does."""
    data = recipe.data
    if data.image is not None:
        return f"data.image {data.image}"
    if data.text is not None:
        return ""
    entry = dataset_entries().get(data.dataset or "")
    if entry is not None and entry.columns.image is not None:
        return f"the dataset {entry.name}"
    if is_read_by("picture-folder", data):
        return f"the folder {data.train}"
    return f"the boxes of {data.train}" if has_boxes(data) else ""


def _check_pictures(recipe: Recipe, task: type[Task], mistakes: Mistakes) -> None:
    data = recipe.data
    entry = dataset_entries().get(data.dataset or "")
    for name in ("text", "tokens", "tags"):
        given = getattr(data, name)
        if given is None and entry is not None:
            given = getattr(entry.columns, name)
        if given is not None:
            own = getattr(data, name) is not None
            mistakes.add(
                ("data", name) if own else ("data", "dataset"),
                f"The task {task.name} reads pictures, not texts.",
                expected="`image`, the column that holds the path of a picture",
                found=f"{name}: {given}",
                remedy="name the column in data.image, or change the task",
            )  # fmt: skip
            return
    of_texts = {
        ("backbone", "pattern"): recipe.backbone.pattern,
        ("backbone", "max_tokens"): recipe.backbone.max_tokens,
        ("pretrain",): recipe.pretrain,
        ("data", "label_names"): data.label_names or None,
    }
    for location, said in of_texts.items():
        if said is not None:
            field = ".".join(location)
            mistakes.add(
                location, f"`{field}` is about texts, and {task.name} reads pictures.",
                expected=f"no `{field}` with pictures", found=f"{field} with {task.name}",
                remedy=f"remove {field}",
            )  # fmt: skip


def _check_vectors(recipe: Recipe, task: type[Task], mistakes: Mistakes) -> None:
    """How vectors of whole pictures are made, where there are such and layers allow it."""
    said, tuner = recipe.backbone, recipe.finetune.tuner
    for field, value in (("cells", said.cells > 1), ("mirror", said.mirror)):
        if value and task.unit != "row":
            mistakes.add(
                ("backbone", field), f"`backbone.{field}` is about vectors of whole pictures, and "
                f"{task.name} looks at maps.",
                expected=f"no `{field}`", found=f"{field} with {task.name}",
                remedy=f"remove backbone.{field}",
            )  # fmt: skip
            return
    tunes = tuner is not None and (tuner == "auto" or tuner.name != "none")
    if said.mirror and tunes:
        mistakes.add(
            ("backbone", "mirror"),
            "Vectors cannot be averaged with the mirror image's where layers are tuned.",
            expected="`tuner: none`", found=f"mirror with finetune.tuner {_name(tuner)}",
            remedy="remove backbone.mirror, or finetune.tuner; `finetune.augment: {kinds: "
            "[mirror]}` learns from mirror images",
        )  # fmt: skip


def _name(tuner: Any) -> str:
    return tuner if isinstance(tuner, str) else str(tuner.name)


def _check_backbone(recipe: Recipe, task: type[Task], mistakes: Mistakes) -> None:
    """A backbone of the catalogue says what it reads; others are looked at when they are loaded."""
    said, distil = recipe.backbone, None if recipe.transfer is None else recipe.transfer.distil
    named: dict[Location, str] = {("backbone",): said.name}
    if distil is not None and distil.into is not None:
        named["transfer", "distil", "into"] = distil.into
    known = backbone_entries()
    suited = [name for name, each in known.items() if each.modality == task.modality]
    what = f"a backbone of {task.modality}s: {', '.join(suited)}, a hub id or a folder"
    for location, name in named.items():
        if name in known and name not in suited:
            mistakes.add(
                location, f"The backbone {name} does not read what {task.name} is about.",
                expected=what, found=f"{name}, of {known[name].modality}s",
                remedy=f"name {suited[0]} there",
            )  # fmt: skip
    for field in ("image_size", "resize", "cells", "mirror"):
        value, usual = getattr(said, field), type(said).model_fields[field].default
        if value != usual and task.modality == "text":
            mistakes.add(
                ("backbone", field), f"The task {task.name} reads no pictures.",
                expected=f"no `{field}` with texts", found=f"{field} {value}",
                remedy=f"remove backbone.{field}",
            )  # fmt: skip
