"""What arrives: rows to be answered, and labels of rows that arrived before."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journeyman.backbones.text_encoder import Text
from journeyman.labelling.pool import row_of
from journeyman.model import Model
from journeyman.model_questions import Question, QuestionReader
from journeyman.watching.memory import Memory

TOLD_APART = 10_000
"""Rows without ids of their own that are told apart by what they read and how often they came."""


@dataclass(frozen=True)
class Read:
    """Rows by `ids`, their columns and what is read of them; `places` are theirs among all that
    arrived, some of which could not be read."""

    ids: Sequence[str]
    rows: Sequence[dict[str, Any]]
    texts: Sequence[Text]
    places: Sequence[int]

    def behind(self, place: int) -> Read:
        """The rows from a place on, among all that arrived."""
        rest = slice(bisect_left(self.places, place), None)
        return Read(self.ids[rest], self.rows[rest], self.texts[rest], self.places[rest])


class Arrivals:
    """Reads what arrives for one model."""

    def __init__(self, model: Model) -> None:
        self._model, self.columns = model, model.columns
        self._unit = model.learner.task.unit
        self._reader = QuestionReader(self.columns, self._unit)

    @property
    def id(self) -> str:
        """The column of ids."""
        return self.columns.id or "id"

    def late(self, questions: Sequence[Question], memory: Memory) -> list[Question]:
        """Rows that are remembered of which the label comes now, by their ids."""
        said = [one for one in questions if isinstance(one, Mapping) and self._only_says(one)]
        if not said:
            return []
        held = {**{one.id: one.row for one in memory.recent}, **memory.pool}
        return [{**held[i], **one} for one in said if (i := str(one[self.id])) in held]

    def read(self, questions: Sequence[Question]) -> Read:
        """The rows that can be read."""
        if len(self._reader.seen) > TOLD_APART:
            self._reader = QuestionReader(self.columns, self._unit)
        texts, ids, _ = self._reader.read(list(questions))
        rows = [
            {self.id: ids[at], **row_of(self._model, questions[at], text)}
            for at, text in texts.items()
        ]
        return Read([ids[at] for at in texts], rows, list(texts.values()), list(texts))

    def _only_says(self, question: Mapping[str, Any]) -> bool:
        """Whether a row has an id and a target, and nothing that could be read."""
        inputs = [*self.columns.texts, *([self.columns.tokens] if self.columns.tokens else [])]
        said = any(question.get(name) is not None for name in self.columns.targets)
        return said and bool(question.get(self.id)) and not any(question.get(n) for n in inputs)
