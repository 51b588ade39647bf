"""The text to pretrain on: whole, each text once, and none that the model is examined on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from journeyman.backbones.text_encoder import Text
from journeyman.data.collection import Collection
from journeyman.data.identity import input_hash
from journeyman.data.options import DataOptions
from journeyman.data.questions import questions_in
from journeyman.data.record import Refused
from journeyman.data.removals import NOTHING_REMOVED, Removals
from journeyman.errors import DataError
from journeyman.model_questions import parts_of
from journeyman.pretraining.options import PretrainOptions
from journeyman.tasks.base import Task

EXAMINED = ("validation", "exam", "test")
LEAST = 10


@dataclass(frozen=True)
class Corpus:
    """Texts to learn from, and texts `held` out to choose the epoch by.

    `repeated`, `examined` and `refused` count what was left out: texts met before, texts that stand
    in rows the model is chosen or measured on, and rows that could not be read.
    """

    texts: Sequence[Text]
    held: Sequence[Text]
    repeated: int = 0
    examined: int = 0
    refused: int = 0


def read_corpus(
    options: PretrainOptions,
    task: Task,
    collection: Collection,
    seed: int,
    removals: Removals = NOTHING_REMOVED,
) -> Corpus:
    """The texts of the recipe's files, or of its training rows, with a label or without one.

    Texts of `removals` count as such that cannot be read.

    Raises DataError where there are too few to learn from.
    """
    columns = collection.columns
    apart = {
        task.text(row, columns) for split in EXAMINED for row in collection.tables[split].rows()
    }
    refused: list[Refused] = []
    found: dict[Text, None] = {}
    met, examined = 0, 0
    gone = 0
    for text in _texts(options, task, collection, refused):
        if removals.has_inputs(input_hash(parts_of(text))):
            gone += 1
            continue
        met += 1
        examined += text in apart
        if text not in apart:
            found.setdefault(text)
    texts = list(found)
    if len(texts) < LEAST:
        raise _too_few(options, len(texts), met)
    draw = np.random.default_rng(seed)
    order = [texts[i] for i in draw.permutation(len(texts))[: options.limit]]
    kept = max(1, round(options.held_out * len(order)))
    return Corpus(
        texts=order[kept:],
        held=order[:kept],
        repeated=met - examined - len(texts),
        examined=examined,
        refused=len(refused) + gone,
    )


def _texts(
    options: PretrainOptions, task: Task, collection: Collection, refused: list[Refused]
) -> Iterator[Text]:
    columns = collection.columns
    if not options.data:
        for table in (collection.train, *collection.unlabelled):
            yield from (task.text(row, columns) for row in table.rows())
        return
    if options.text is not None:
        columns = columns.model_copy(update={"text": options.text})
    for file in options.data:
        yield from _of_file(file, task, columns, refused)


def _of_file(file: str, task: Task, columns: DataOptions, refused: list[Refused]) -> Iterator[Text]:
    for asked in questions_in(file, columns):
        if isinstance(asked, Refused):
            refused.append(asked)
            continue
        text = asked if isinstance(asked, str) else task.text(asked, columns)
        if any(part.strip() for part in ([text] if isinstance(text, str) else text)):
            yield text


def _too_few(options: PretrainOptions, left: int, met: int) -> DataError:
    return DataError(
        "There are too few texts to pretrain on.",
        place=", ".join(options.data) or "the training rows",
        expected=f"at least {LEAST} texts that stand in no validation, exam or test row",
        found=f"{left} of {met}",
        remedy="name files with more text in pretrain.data, or remove `pretrain`",
    )
