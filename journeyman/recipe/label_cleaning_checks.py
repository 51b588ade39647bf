"""What a recipe says of labels that may be wrong: a task that has one label a row."""

from __future__ import annotations

from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.options import Recipe
from journeyman.tasks.base import TASKS


def check_label_cleaning(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """Labels are doubted one by one, so each row must have one."""
    if recipe.finetune.label_cleaning and task in TASKS and TASKS[task].kind != "label":
        mistakes.add(
            ("finetune", "label_cleaning"),
            f"Labels of the task {task} cannot be doubted one by one.",
            expected="a task of one label a row, such as text-classification", found=task,
            remedy="remove finetune.label_cleaning",
        )  # fmt: skip
