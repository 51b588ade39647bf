"""What a model is asked: each question as a text or picture with an id, or why it has no answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from journeyman.backbones.picture_inputs import Picture
from journeyman.backbones.text_encoder import Text
from journeyman.data.identity import input_hash, row_id
from journeyman.data.missing import absent
from journeyman.data.options import DataOptions
from journeyman.data.pictures import picture_facts
from journeyman.data.record import Refused
from journeyman.errors import DataError
from journeyman.tasks.words import TokenText
from journeyman.types import FailedPrediction, Row

Question = str | tuple[str, str] | Sequence[str] | Row | Refused
"""What may be asked: a text, a pair, a list of tokens, the path of a picture, a row with the data's
columns; or a row that could not be read, which is answered with the reason."""

_REMEDIES = {
    "bad_encoding": "save the rows as UTF-8",
    "wrong_encoding": "save the rows as UTF-8",
    "bad_json": 'write a JSON object on one line, {"text": "..."}, or the text alone',
    "ragged_row": "give the row as many cells as the header has; quote a cell with a separator",
}


@dataclass
class QuestionReader:
    """Reads the questions of one sitting, which may come in parts: ids are told apart over all.

    Where the model reads pictures, a text is the path of one, and each is looked at here: one that
    cannot be read costs its own answer alone.

    `unit` is what the task judges: a text or its tokens.
    """

    columns: DataOptions
    unit: str
    asked: int = 0
    seen: Counter[int] = field(default_factory=Counter)

    def read(
        self, questions: Sequence[Question]
    ) -> tuple[dict[int, Text], dict[int, str], dict[int, FailedPrediction]]:
        """Texts and ids by position, and what is answered instead where there is no text."""
        texts: dict[int, Text] = {}
        ids: dict[int, str] = {}
        failed: dict[int, FailedPrediction] = {}
        for at, question in enumerate(questions):
            number, self.asked = self.asked, self.asked + 1
            try:
                texts[at] = self._text(question, _place(question, number))
            except DataError as error:
                row = question.values if isinstance(question, Refused) else question
                failed[at] = FailedPrediction(self.id_of(row, self._content(row)), error.to_json())
            else:
                ids[at] = self.id_of(question, parts_of(texts[at]))
        return texts, ids, failed

    def id_of(self, row: Any, parts: Sequence[str]) -> str:
        """A row's own id, else a hash of its input `parts` and which occurrence of them it is."""
        hashed = input_hash(parts)
        occurrence, self.seen[hashed] = self.seen[hashed], self.seen[hashed] + 1
        given = row.get(self.columns.id or "id") if isinstance(row, Mapping) else None
        return row_id(hashed, occurrence) if given is None else str(given)

    def _content(self, row: Any) -> tuple[str, ...]:
        """What stands where a question's inputs should: a row's target is never part of it."""
        if not isinstance(row, Mapping):
            return (_written(row),)
        inputs = (self.columns.tokens or "tokens", *(self.columns.texts or ("text",)))
        found = [row[name] for name in inputs if name in row]
        if found:
            return tuple(map(_written, found))
        return (_written({name: row[name] for name in row if name not in self.columns.targets}),)

    def _text(self, question: Any, place: str) -> Text:
        if isinstance(question, Refused):
            remedy = _REMEDIES.get(question.name, "mend the row")
            raise _unanswerable(place, "a row that can be read", question.reason, remedy)
        if not isinstance(question, str | list | tuple | Mapping):
            raise _unanswerable(place, "a text or a row", type(question).__name__)
        if self.unit == "token" and isinstance(question, list | tuple):
            question = {self.columns.tokens or "tokens": list(question)}
        if isinstance(question, Mapping):
            question = self._of_row(question, place)
        parts = (question,) if isinstance(question, str) else tuple(question)
        wanted = max(len(self.columns.texts), 1)
        if len(parts) != wanted or not all(isinstance(part, str) for part in parts):
            expected = f"{wanted} text{'s' if wanted > 1 else ''}"
            if self.columns.image is not None:
                expected = "the path of a picture"
            raise _unanswerable(place, expected, repr(question)[:80])
        _check_characters(parts, place)
        if self.columns.image is not None:
            path = str(question)
            return Picture(path, digest=picture_facts(path).digest)
        return question if isinstance(question, str) else (str(parts[0]), str(parts[1]))

    def _of_row(self, row: Row, place: str) -> Any:
        tokens = row.get(self.columns.tokens or "tokens")
        if self.unit == "token" and isinstance(tokens, list):
            return TokenText([str(token) for token in tokens])
        names = self.columns.texts or ("text",)
        noun = "text" if self.columns.image is None else "path of a picture"
        expected = f"a {noun} in {' and in '.join(map(repr, names))}"
        values = tuple(row.get(name) for name in names)
        if not all(map(absent, values)):
            values = tuple("" if absent(value) else value for value in values)
        for name, value in zip(names, values, strict=True):
            if not isinstance(value, str):
                found = f"{name!r}: {value!r}"[:80] if name in row else _names(row)
                remedy = "put the text in quotes" if name in row else f"name the column {name!r}"
                raise _unanswerable(place, expected, found, remedy)
        return values[0] if len(values) == 1 else values


def parts_of(text: Text) -> tuple[str, ...]:
    """What of a row is hashed: a text, the two of a pair, or a picture's digest."""
    if isinstance(text, Picture):
        return (text.digest,)
    return text if isinstance(text, tuple) else (str(text),)


def _written(value: Any) -> str:
    """A value as text: strings as they are, anything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, sort_keys=True, default=repr)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _place(question: Question, number: int) -> str:
    return f"row {question.row}" if isinstance(question, Refused) else f"question {number + 1}"


def _names(row: Row) -> str:
    return f"the columns {', '.join(map(repr, list(row)[:10]))}" if row else "an empty row"


def _check_characters(parts: Sequence[str], place: str) -> None:
    if not any(part.strip() for part in parts):
        found = ", ".join(repr(part)[:40] for part in parts)
        raise _unanswerable(place, "a text that is not empty", found, "leave the question out")
    for bad in _broken(parts):
        raise _unanswerable(place, "a text of whole characters", bad, "save the text as UTF-8")


def _broken(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        try:
            part.encode()
        except UnicodeEncodeError as error:
            yield f"half a character at position {error.start + 1}"


def _unanswerable(
    place: str, expected: str, found: str, remedy: str = "ask with what the model was trained on"
) -> DataError:
    return DataError(
        "A row cannot be answered.", place=place, expected=expected, found=found, remedy=remedy
    )
