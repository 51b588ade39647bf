"""What a recipe says of the pattern that texts are read within, and of what must not go with it."""

from __future__ import annotations

from journeyman.backbones.pattern import HIDDEN, REMEDY, TEXT, mistake
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.options import Recipe
from journeyman.tasks.base import TASKS


def check_pattern(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """A sentence with a hidden word around one whole text, where the head of words needs one."""
    pattern = recipe.backbone.pattern
    if pattern is None:
        if getattr(recipe.finetune.head, "name", "") == "words":
            mistakes.add(
                ("finetune", "head"), "The head of words has no hidden word to read.",
                expected="`head: words` with backbone.pattern", found="no backbone.pattern",
                remedy="add one: `backbone: {name: NAME, pattern: '{text} It was [MASK].'}`",
            )  # fmt: skip
        return
    wrong = mistake(pattern)
    if wrong is not None:
        mistakes.add(
            ("backbone", "pattern"), "The pattern is no sentence with a hidden word.",
            expected=f"{TEXT} once, and {HIDDEN} where a word is hidden", found=wrong,
            remedy=REMEDY,
        )  # fmt: skip
    beside = {
        "a pair of texts": len(recipe.data.texts) > 1,
        f"the task {task}, whose words are judged": task in TASKS and TASKS[task].unit != "row",
        "pretrain, which keeps no head for words": recipe.pretrain is not None,
    }
    for what, there in beside.items():
        if there:
            mistakes.add(
                ("backbone", "pattern"), "The pattern cannot be put around these texts.",
                expected="whole texts, one a row, and a backbone as others pretrained it",
                found=what, remedy="remove backbone.pattern",
            )  # fmt: skip
