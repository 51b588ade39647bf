"""Texts or pictures without labels: of training rows that nobody labelled and of files, and those
of them that no model is chosen or examined by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from journeyman.backbones.picture_inputs import Picture
from journeyman.backbones.text_encoder import Text
from journeyman.data.collection import Collection
from journeyman.data.identity import input_hash
from journeyman.data.options import DataOptions
from journeyman.data.questions import questions_in
from journeyman.data.removals import NOTHING_REMOVED, Removals
from journeyman.errors import DataError
from journeyman.model_questions import QuestionReader, parts_of
from journeyman.tasks.base import Task

PART = 4096
"""Rows that are read at once."""


@dataclass(frozen=True)
class Unlabelled:
    """Texts to answer, each once: of the training data, then in the order of the files.

    The first `own` of them are of training rows that nobody labelled.

    What was left out is counted: texts met before, texts that stand in rows with labels (of any
    split), rows without a text that can be read, and texts beyond the limit.
    """

    texts: Sequence[Text]
    repeated: int = 0
    labelled: int = 0
    refused: int = 0
    beyond: int = 0
    own: int = 0


def read_unlabelled(
    files: Sequence[str],
    task: Task,
    collection: Collection,
    *,
    limit: int | None,
    seed: int,
    removals: Removals = NOTHING_REMOVED,
) -> Unlabelled:
    """The texts of unlabelled training rows and of the files that stand in no row with a label, a
    seeded sample at the limit.

    Texts of `removals` count as such that cannot be read.

    Raises DataError where none is left.
    """
    columns = collection.columns
    tables = collection.tables.values()
    apart = {_known(task.text(row, columns)) for table in tables for row in table.rows()}
    found: dict[Any, Text] = {}
    met, labelled, refused, own = 0, 0, 0, 0
    rows = (row for table in collection.unlabelled for row in table.rows())
    sources: list[Iterable[Text | None]] = [(task.text(row, columns) for row in rows)]
    sources += [texts_in(file, columns, task.unit, removals) for file in files]
    for at, source in enumerate(sources):
        for text in source:
            met += text is not None
            refused += text is None
            known = None if text is None else _known(text)
            labelled += known in apart
            if text is not None and known not in apart:
                found.setdefault(known, text)
        own = own if at else len(found)
    texts = list(found.values())
    if not texts:
        raise DataError(
            "No text without a label is left to answer.",
            place=", ".join([*(t.source for t in collection.unlabelled), *files]),
            expected="rows with a text that stands in no labelled row",
            found=f"{met} texts, {labelled} of them labelled, and {refused} rows without one",
            remedy="name a file with other texts in data.unlabelled",
        )
    kept = np.arange(len(texts))
    if limit is not None and len(texts) > limit:
        kept = np.sort(np.random.default_rng(seed).permutation(len(texts))[:limit])
    return Unlabelled(
        [texts[at] for at in kept],
        repeated=met - labelled - len(texts),
        labelled=labelled,
        refused=refused,
        beyond=len(texts) - len(kept),
        own=int((kept < own).sum()),
    )


def _known(text: Text) -> Any:
    """What a text is told from others by: of a picture what its file holds, whatever its name."""
    return text.digest if isinstance(text, Picture) else text


def texts_in(
    file: str, columns: DataOptions, unit: str, removals: Removals = NOTHING_REMOVED
) -> Iterator[Text | None]:
    """The text of each row of a file, read as a question to a model is; None where it has none,
    or one of `removals`.

    `unit` is what the task judges, a text or its tokens. Raises DataError where the file lacks the
    columns.
    """
    reader, asked = QuestionReader(columns, unit), questions_in(file, columns)
    while part := list(islice(asked, PART)):
        texts, _, _ = reader.read(part)
        for at in range(len(part)):
            text = texts.get(at)
            gone = text is not None and removals.has_inputs(input_hash(parts_of(text)))
            yield None if gone else text
