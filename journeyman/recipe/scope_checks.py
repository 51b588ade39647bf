"""What a recipe says of questions out of scope: a task in which a row is of one class."""

from __future__ import annotations

from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.options import Recipe
from journeyman.tasks.base import TASKS


def check_scope(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """Only where a row is of one class of several may it be of none."""
    if recipe.finetune.scope is None or task not in TASKS or TASKS[task].kind == "label":
        return
    why = {
        "labels": "A row of none of the labels is given none already",
        "identity": "A picture of someone who is not enrolled is told already",
    }.get(TASKS[task].kind, "Its answers are not classes of rows")
    mistakes.add(
        ("finetune", "scope"), f"The task {task} does not tell what is out of scope.",
        expected="`scope` with a task of one label a row: "
        + " | ".join(name for name in TASKS if TASKS[name].kind == "label"),
        found=f"{task}. {why}", remedy="remove finetune.scope",
    )  # fmt: skip
