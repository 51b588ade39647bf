"""What a recipe says of questions that lack a part: texts that can, and rows to judge by."""

from __future__ import annotations

from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.options import Recipe
from journeyman.tasks.base import TASKS


def check_missing(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """A task of whole texts, two texts where one may be missing, and no folds."""
    said, options = recipe.finetune.missing, recipe.finetune
    if said is None:
        return
    if task in TASKS and (TASKS[task].modality != "text" or TASKS[task].kind == "tags"):
        mistakes.add(
            ("finetune", "missing"), f"The task {task} cannot learn from texts with parts missing.",
            expected="a task of whole texts, such as text-classification", found=task,
            remedy="remove finetune.missing",
        )  # fmt: skip
    if said.fields and isinstance(recipe.data.text, str):
        mistakes.add(
            ("finetune", "missing", "fields"), "A row of one text cannot lack one of two.",
            expected="`fields` where data.text is a list of two columns",
            found=f"one column, {recipe.data.text!r}",
            remedy="remove `fields`, or name both columns in data.text",
        )  # fmt: skip
    if isinstance(options.folds, int) and options.folds:
        mistakes.add(
            ("finetune", "missing"), "Rows with parts missing are judged by validation rows alone.",
            expected="`folds: 0` beside finetune.missing", found=f"folds: {options.folds}",
            remedy="remove finetune.folds, or finetune.missing",
        )  # fmt: skip
