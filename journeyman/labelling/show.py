"""A sitting on a terminal: draw, wait for a key, do what it means, until it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from journeyman.labelling.queue import Queue, Wanted
from journeyman.labelling.screen import drawn
from journeyman.labelling.sitting import Sitting
from journeyman.labelling.suspects import Suspect

Teacher = Callable[[], tuple[Queue, str]]
"""Learns the labels given so far: the queue after that, and what is to be told of it."""


def batches(
    queue: Queue,
    sitting: Sitting,
    suspects: Sequence[Suspect],
    count: int,
    teacher: Teacher | None = None,
) -> Iterator[list[Wanted]]:
    """Batches until nothing is left; before each but the first the teacher learns the one before.

    A row that was shown is not shown again, be it labelled or passed over.
    """
    note = ""
    while True:
        shown = {wanted.id for wanted in sitting.items} | sitting.file.ids
        left = [suspect for suspect in suspects if suspect.id not in shown]
        batch = queue.next(count, left, done=shown)
        if not batch:
            return
        yield batch
        if teacher is not None and any(sitting.done[sitting.fixed :]):
            queue, note = teacher()
            sitting.settle()
            sitting.note = note
            sitting.labels = queue.model.schema.labels


def show(
    sitting: Sitting, source: Iterator[list[Wanted]], keys: Callable[[], str], title: str,
    console: Console | None = None,
) -> None:  # fmt: skip
    """Go through the batches; what was given is in the file whatever ends it."""
    console = console or Console(highlight=False, emoji=False, markup=False)
    with console.screen() as screen:
        while not sitting.over:
            if sitting.item is None:
                screen.update(drawn(sitting, title, console))
                batch = next(source, None)
                if batch is None:
                    return
                sitting.extend(batch)
            screen.update(drawn(sitting, title, console))
            sitting.press(keys())
