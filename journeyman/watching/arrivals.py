"""What arrives: rows to be answered, and labels of rows that arrived before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journeyman.backbones.text_encoder import Text
from journeyman.labelling.pool import row_of
from journeyman.model import Model
from journeyman.model_questions import Question, QuestionReader
from journeyman.types import Row
from journeyman.watching.memory import Memory

TOLD_APART = 10_000
"""Rows without ids of their own that are told apart by what they read and how often they came."""


@dataclass(frozen=True)
class Read:
    """Rows by `ids`, their columns and what is read of them; `failed` counts the others."""

    ids: Sequence[str]
    rows: Sequence[dict[str, Any]]
    texts: Sequence[Text]
    failed: int = 0


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

    def parted(
        self, questions: Sequence[Question], memory: Memory
    ) -> tuple[list[Question], list[Question]]:
        """Rows, and rows that are remembered of which the label comes now, by their ids."""
        fresh: list[Question] = []
        late: list[Question] = []
        held: dict[str, Row] | None = None
        for question in questions:
            if not isinstance(question, Mapping) or not self._only_says(question):
                fresh.append(question)
                continue
            if held is None:
                held = {**{one.id: one.row for one in memory.recent}, **memory.pool}
            row = held.get(str(question[self.id]))
            if row is None:
                fresh.append(question)
            else:
                late.append({**row, **question})
        return fresh, late

    def read(self, questions: Sequence[Question]) -> Read:
        """The rows that can be read."""
        if len(self._reader.seen) > TOLD_APART:
            self._reader = QuestionReader(self.columns, self._unit)
        texts, ids, failed = self._reader.read(list(questions))
        rows = [
            {self.id: ids[at], **row_of(self._model, questions[at], text)}
            for at, text in texts.items()
        ]
        return Read([ids[at] for at in texts], rows, list(texts.values()), len(failed))

    def _only_says(self, question: Mapping[str, Any]) -> bool:
        """Whether a row has an id and a target, and nothing that could be read."""
        inputs = [*self.columns.texts, *([self.columns.tokens] if self.columns.tokens else [])]
        said = any(question.get(name) is not None for name in self.columns.targets)
        return said and bool(question.get(self.id)) and not any(question.get(n) for n in inputs)
