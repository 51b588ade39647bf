"""The model: what a user holds. It answers, is measured, explains itself and is saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from journeyman.backbones.text_encoder import Text
from journeyman.data.identity import input_hash, row_id
from journeyman.data.options import DataOptions
from journeyman.data.record import Refused
from journeyman.errors import DataError
from journeyman.evaluation.slices import evaluate_slices
from journeyman.explainers.base import EXPLAINERS
from journeyman.explainers.options import ExplainOptions
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array, Evaluated, Schema
from journeyman.tasks.words import TokenText
from journeyman.training.examples import Examples, FeatureSource
from journeyman.training.learner import Learner
from journeyman.types import Explanation, FailedPrediction, Metric, Prediction, Row

Question = str | tuple[str, str] | Sequence[str] | Row | Refused
"""What may be asked: a text, a pair, a list of tokens, a row with the data's columns; or a row
that could not be read, which is answered with the reason."""

CHUNK = 4096


@dataclass(frozen=True)
class Measured:
    """A model measured on rows: overall, and for each value of each slice column."""

    overall: Evaluated
    slices: Mapping[str, Mapping[str, Mapping[str, Metric]]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Metrics, classes, confusion, coverage and slices as JSON values."""
        whole = self.overall
        return {
            "metrics": {name: metric.to_json() for name, metric in whole.metrics.items()},
            "classes": {name: each.to_json() for name, each in whole.classes.items()},
            "confusion": None if whole.confusion is None else whole.confusion.to_json(),
            "coverage": whole.coverage,
            "slices": {
                column: {
                    value: {name: metric.to_json() for name, metric in metrics.items()}
                    for value, metrics in values.items()
                }
                for column, values in self.slices.items()
            },
        }


@dataclass
class Model:
    """A learner with all it needs to answer: schema, columns, calibration, name and version.

    `about` is what model.json holds beyond these; `exam` the features and labels of rows that
    no choice was made on, by which later updates are examined.
    """

    name: str
    learner: Learner
    schema: Schema
    columns: DataOptions
    calibration: Mapping[str, Any]
    about: dict[str, Any] = field(default_factory=dict)
    exam: dict[str, Tensor] = field(default_factory=dict)
    version: str = ""
    folder: Path | None = None

    def predict(
        self, questions: Question | Iterable[Question], *, reporter: Reporter = QUIET
    ) -> list[Prediction]:
        """One answer a question, in their order; a question that has no answer says why."""
        asked = self._listed(questions)
        texts, ids, failed = self._read(asked)
        answers: dict[int, Prediction] = dict(failed)
        places = sorted(texts)
        for at in range(0, len(places), CHUNK):
            part = places[at : at + CHUNK]
            outputs = self._outputs([texts[i] for i in part], reporter)
            decoded = self.decoded(outputs, [texts[i] for i in part], ids=[ids[i] for i in part])
            answers.update(zip(part, decoded, strict=True))
        return [self._signed(answers[i]) for i in range(len(asked))]

    def evaluate(self, rows: Sequence[Row], *, reporter: Reporter = QUIET) -> Measured:
        """Every figure on rows with targets, overall and by slice."""
        return self.measure(rows, reporter=reporter)[1]

    def measure(
        self,
        rows: Sequence[Row],
        *,
        examples: Examples | None = None,
        source: FeatureSource | None = None,
        reporter: Reporter = QUIET,
    ) -> tuple[list[Prediction], Measured]:
        """Answers to rows with targets and every figure; `examples` and `source` spare making
        them anew."""
        predictions, texts, targets = self.answers(rows, examples, source, reporter)
        groups = None
        if self.columns.group:
            groups = [str(row.get(self.columns.group)) for row in rows]
        task = self.learner.task

        def measure(which: Any) -> Evaluated:
            return task.evaluate(
                [predictions[i] for i in which],
                [targets[i] for i in which],
                self.schema,
                texts=[texts[i] for i in which],
                groups=None if groups is None else [groups[i] for i in which],
            )

        columns = {name: [row.get(name) for row in rows] for name in self.columns.slices}
        slices = evaluate_slices(columns, lambda which: measure(which).metrics)
        return predictions, Measured(measure(range(len(rows))), slices)

    def answers(
        self,
        rows: Sequence[Row],
        examples: Examples | None,
        source: FeatureSource | None,
        reporter: Reporter = QUIET,
    ) -> tuple[list[Prediction], Sequence[Text], Sequence[Any]]:
        """Answers to rows with targets, their texts and their raw targets."""
        task, columns = self.learner.task, self.columns
        if examples is None:
            texts = [task.text(row, columns) for row in rows]
            targets = [task.target(row, columns) for row in rows]
            examples = Examples(texts, self.learner.backbone.prepare(texts), targets)
        found = source if source is not None else self.learner.uncached(examples)
        outputs = self.learner.outputs(examples, found, reporter)
        ids = [str(row.get(columns.id, i)) if columns.id else str(i) for i, row in enumerate(rows)]
        answers = self.decoded(outputs, examples.texts, ids=ids)
        return [self._signed(answer) for answer in answers], examples.texts, examples.targets

    def explain(
        self,
        questions: Question | Iterable[Question],
        options: ExplainOptions | None = None,
        *,
        reporter: Reporter = QUIET,
    ) -> list[Explanation | FailedPrediction]:
        """Why each question is answered as it is: a weight for each word."""
        chosen = options or ExplainOptions()
        asked = self._listed(questions)
        texts, ids, failed = self._read(asked)
        places = sorted(texts)
        explainer = EXPLAINERS[chosen.method](chosen)
        found: dict[int, Explanation | FailedPrediction] = dict(failed)
        with reporter.bar("explaining", len(places)) as advance:
            for i in places:
                found[i] = explainer.explain(
                    self.learner, self.schema, [texts[i]], [ids[i]], self.calibration
                )[0]
                advance(1)
        return [self._signed(found[i]) for i in range(len(asked))]

    def save(self, folder: str | Path) -> Model:
        """Write the model folder, replacing a model that stands there; gives the version."""
        from journeyman.model_folder import save_model

        return save_model(self, Path(folder).expanduser())

    def _outputs(self, texts: Sequence[Text], reporter: Reporter) -> list[Array]:
        examples = Examples(texts, self.learner.backbone.prepare(texts), ())
        return self.learner.outputs(examples, self.learner.uncached(examples), reporter)

    def decoded(
        self,
        outputs: Sequence[Array],
        texts: Sequence[Text],
        *,
        ids: Sequence[str] | None = None,
        calibration: Mapping[str, Any] | None = None,
    ) -> list[Prediction]:
        """Outputs as answers; another `calibration` than the model's may be tried."""
        how = self.calibration if calibration is None else calibration
        names = [""] * len(texts) if ids is None else ids
        return self.learner.task.decode(outputs, self.schema, how, names, texts)

    def _signed(self, answer: Any) -> Any:
        object.__setattr__(answer, "model", self.name)
        object.__setattr__(answer, "version", self.version)
        return answer

    def _listed(self, questions: Question | Iterable[Question]) -> list[Question]:
        if isinstance(questions, str | Mapping):
            return [questions]
        return list(questions)

    def _read(
        self, asked: Sequence[Question]
    ) -> tuple[dict[int, Text], dict[int, str], dict[int, FailedPrediction]]:
        texts: dict[int, Text] = {}
        ids: dict[int, str] = {}
        failed: dict[int, FailedPrediction] = {}
        seen: Counter[int] = Counter()
        for at, question in enumerate(asked):
            try:
                texts[at] = self._text(question)
            except DataError as error:
                failed[at] = FailedPrediction(
                    _given_id(question, self.columns) or str(at), error.to_json()
                )
                continue
            parts = texts[at] if isinstance(texts[at], tuple) else (str(texts[at]),)
            hashed = input_hash(parts)
            ids[at] = _given_id(question, self.columns) or row_id(hashed, seen[hashed])
            seen[hashed] += 1
        return texts, ids, failed

    def _text(self, question: Any) -> Text:
        if isinstance(question, Refused):
            raise _unreadable("a row that can be read", question.reason)
        if not isinstance(question, str | list | tuple | Mapping):
            raise _unreadable("a text or a row", type(question).__name__)
        if self.learner.task.unit == "token" and isinstance(question, list | tuple):
            question = {self.columns.tokens or "tokens": list(question)}
        if isinstance(question, Mapping):
            question = self._from_row(question)
        parts = (question,) if isinstance(question, str) else tuple(question)
        wanted = max(len(self.columns.texts), 1)
        if len(parts) != wanted or not all(isinstance(part, str) for part in parts):
            raise _unreadable(f"{wanted} text{'s' if wanted > 1 else ''}", repr(question)[:80])
        if not any(str(part).strip() for part in parts):
            raise _unreadable("a text that is not empty", repr(question)[:80])
        return question if isinstance(question, str) else (str(parts[0]), str(parts[1]))

    def _from_row(self, row: Row) -> Any:
        tokens = row.get(self.columns.tokens or "tokens")
        if self.learner.task.unit == "token" and isinstance(tokens, list):
            return TokenText([str(token) for token in tokens])
        names = self.columns.texts or ("text",)
        missing = [name for name in names if not isinstance(row.get(name), str)]
        if missing:
            raise _unreadable(f"a text in {', '.join(missing)}", ", ".join(row) or "an empty row")
        values = tuple(row[name] for name in names)
        return values[0] if len(values) == 1 else values


def _given_id(question: Question, columns: DataOptions) -> str | None:
    if not isinstance(question, Mapping):
        return None
    given = question.get(columns.id or "id")
    return None if given is None else str(given)


def _unreadable(expected: str, found: str) -> DataError:
    return DataError(
        "A row cannot be answered.",
        place="the row",
        expected=expected,
        found=found,
        remedy="give the columns the model was trained on",
    )
