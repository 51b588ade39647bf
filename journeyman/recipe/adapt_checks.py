"""What the recipe field `adapt` says with the rest: files, names, and heads that can be taught."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from journeyman.catalogue.entry import dataset_entries
from journeyman.continual.adapt_options import AdaptOptions, Arrival
from journeyman.data.readers.hub import SCHEME
from journeyman.heads.base import HEADS
from journeyman.recipe.data_checks import check_hub, existing
from journeyman.recipe.mistakes import Mistakes
from journeyman.recipe.near import near_files, nearest
from journeyman.recipe.options import Recipe
from journeyman.recipe.text import Location
from journeyman.tasks.base import TASKS


def check_adapt(recipe: Recipe, task: str, mistakes: Mistakes) -> None:
    """Arrivals with names and files of their own, and a head that takes in single rows."""
    said = recipe.adapt
    if said is None:
        return
    names = Counter(arrival.name for arrival in said.arrivals)
    for at, arrival in enumerate(said.arrivals):
        _check_source(arrival, ("adapt", "arrivals", at), mistakes)
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
        arrival.model_copy(update={"train": beside(arrival.train)}) if arrival.train else arrival
        for arrival in said.arrivals
    )
    return said.model_copy(update={"arrivals": arrivals})


def _check_source(arrival: Arrival, place: Location, mistakes: Mistakes) -> None:
    """A file or a dataset that is there, or rows of the recipe's that the first training lacks."""
    known = list(dataset_entries())
    if arrival.train and arrival.dataset:
        mistakes.add(
            place, "An arrival has two sources.", expected="either `train` or `dataset`",
            found=f"{arrival.train} and {arrival.dataset}", remedy="remove one of them",
        )  # fmt: skip
    elif arrival.train and arrival.train.startswith(SCHEME):
        check_hub(arrival.train, (*place, "train"), mistakes)
    elif arrival.train and existing(arrival.train) is None:
        near = near_files(Path(arrival.train))
        mistakes.add(
            (*place, "train"), f"The data file {arrival.train!r} does not exist.",
            expected="the path of a file of rows", found="no such file",
            remedy=f"did you mean {near}?" if near else "check the path",
        )  # fmt: skip
    elif arrival.dataset and arrival.dataset not in known:
        near_name = nearest(arrival.dataset, known)
        mistakes.add(
            (*place, "dataset"), f"There is no dataset {arrival.dataset!r}.",
            expected=f"a name of the catalogue ({', '.join(known)})", found=repr(arrival.dataset),
            remedy=f"did you mean {near_name!r}?" if near_name
            else "list the names with `journeyman datasets`",
        )  # fmt: skip
    elif not (arrival.train or arrival.dataset or arrival.where):
        mistakes.add(
            place, "An arrival says nothing of its rows.",
            expected="`train` (a file), `dataset`, or `where` (rows of the recipe's data)",
            found="none of them", remedy="say which rows arrive",
        )  # fmt: skip
