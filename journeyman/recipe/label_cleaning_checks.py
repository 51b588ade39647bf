"""What a recipe says of labels that may be wrong: a task whose labels can be doubted."""

from __future__ import annotations

from journeyman.audits.base import AUDITORS
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


def check_audit(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """Some auditor is of the kind of the task's targets."""
    if recipe.audit is None or task not in TASKS:
        return
    kinds = {kind for name in AUDITORS for kind in AUDITORS[name].kinds}
    if TASKS[task].kind in kinds:
        return
    mistakes.add(
        ("audit",), f"Targets of the task {task} cannot be audited.",
        expected=f"a task of {', '.join(name for name in TASKS if TASKS[name].kind in kinds)}",
        found=task, remedy="remove audit",
    )  # fmt: skip
