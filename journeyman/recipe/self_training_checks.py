"""What a recipe says of rows without labels: files that are there, and who learns from them."""

from __future__ import annotations

from pathlib import Path

from journeyman.recipe.data_checks import existing
from journeyman.recipe.loop_checks import check_augmentations
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.near import near_files
from journeyman.recipe.options import Recipe
from journeyman.tasks.base import TASKS


def check_self_training(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """Files of unlabelled rows, a task of one label a text, and nothing that asks for a column."""
    _check_files(recipe, mistakes)
    options = recipe.finetune
    if not options.self_training:
        return
    if task in TASKS and TASKS[task].kind != "label":
        mistakes.add(
            ("finetune", "self_training"), f"The task {task} cannot learn from its own answers.",
            expected="a task of one label a row, such as text-classification", found=task,
            remedy="remove finetune.self_training",
        )  # fmt: skip
    elif task in TASKS:
        views = ("finetune", "self_training", "consistency")
        check_augmentations(options.self_training.consistency, views, TASKS[task](), mistakes)
    column = options.balanced_within
    if column is not None:
        mistakes.add(
            ("finetune", "balance", "within"), f"Rows without labels have no column {column!r}.",
            expected="no `within` beside finetune.self_training", found=repr(column),
            remedy="remove finetune.balance.within, or finetune.self_training",
        )  # fmt: skip


def _check_files(recipe: Recipe, mistakes: Mistakes) -> None:
    for at, file in enumerate(recipe.data.unlabelled):
        if existing(file) is None:
            near = near_files(Path(file))
            mistakes.add(
                ("data", "unlabelled", at), f"The file of texts {file!r} does not exist.",
                expected="the path of a file of texts", found="no such file",
                remedy=f"did you mean {near}?" if near
                else "check the path: it is looked for beside the recipe, then in the current "
                "folder",
            )  # fmt: skip
    transfer = recipe.transfer
    if transfer is not None and transfer.data is not None and transfer.data.unlabelled:
        mistakes.add(
            ("transfer", "data", "unlabelled"), "Transfer learns from no answers of its own.",
            expected="no `unlabelled` in transfer.data",
            found=", ".join(transfer.data.unlabelled),
            remedy="remove it; a teacher's answers are learned from with "
            "`transfer: {distil: {unlabelled: FILE}}`",
        )  # fmt: skip
