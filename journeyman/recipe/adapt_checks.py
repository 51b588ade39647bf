"""What the recipe field `adapt` says with the rest: files, names, and heads that can be taught."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from journeyman.continual.adapt_options import AdaptOptions
from journeyman.data.options import ROLES, DataOptions
from journeyman.heads.base import HEADS
from journeyman.recipe.data_checks import check_data
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.options import Recipe
from journeyman.tasks.base import TASKS


def check_adapt(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """Arrivals with names and files of their own, and a head that takes in single rows."""
    said = recipe.adapt
    if said is None:
        return
    names = Counter(arrival.name for arrival in said.arrivals)
    for at, arrival in enumerate(said.arrivals):
        check_data(arrival.data, mistakes.within("adapt", "arrivals", at))
        if names[arrival.name] > 1:
            mistakes.add(
                ("adapt", "arrivals", at, "name"), "Two arrivals have one name.",
                expected="a name of its own for each", found=repr(arrival.name),
                remedy="rename one: exams tell old skills apart by it",
            )  # fmt: skip
    head = recipe.finetune.head.name if recipe.finetune.head else None
    if task in TASKS:
        head = head or TASKS[task].default_head
    if head is not None and head in HEADS and not HEADS[head].solved:
        solved = ", ".join(name for name in HEADS if HEADS[name].solved)
        mistakes.add(
            ("adapt",), f"The head {head} cannot be taught single rows.",
            expected=f"a head that is solved: {solved}", found=head,
            remedy="set `finetune: {head: ridge}`, or remove adapt",
        )  # fmt: skip


def resolved_adapt(said: AdaptOptions | None, beside: Callable[[str], str]) -> AdaptOptions | None:
    """The options with paths as `beside` finds them."""
    if said is None:
        return None
    arrivals = tuple(
        arrival.model_copy(update={"data": _resolved(arrival.data, beside)})
        for arrival in said.arrivals
    )
    return said.model_copy(update={"arrivals": arrivals})


def _resolved(data: DataOptions, beside: Callable[[str], str]) -> DataOptions:
    files = {role: beside(name) for role in ROLES if (name := getattr(data, role)) is not None}
    return data.model_copy(update=files)
