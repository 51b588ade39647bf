"""A model measured beside rows of none of its classes: are they found out, are its own kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from journeyman.errors import DataError, ModelError
from journeyman.evaluation.scope import fewest_rows, scope_metrics
from journeyman.model import Measured, Model
from journeyman.model_questions import Question
from journeyman.types import FailedPrediction, LabelPrediction, Metric, Prediction, Row


@dataclass(frozen=True)
class BesideOutsiders:
    """The model on `rows` of its classes as ever, and what it makes of outsiders beside them.

    `failed` are outsiders that could not be answered.
    """

    measured: Measured
    metrics: dict[str, Metric]
    failed: tuple[FailedPrediction, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As `evaluate` has it, and `scope`: the metrics, and how many outsiders failed."""
        told = {name: metric.to_json() for name, metric in self.metrics.items()}
        return {**self.measured.to_json(), "scope": {**told, "failed": len(self.failed)}}


def beside_outsiders(
    model: Model, rows: Sequence[Row], outsiders: Iterable[Question]
) -> BesideOutsiders:
    """Measure a model on rows with targets, and on questions that are of none of its classes.

    Raises ModelError for a model that does not say what is out of scope, DataError where none of
    the outsiders can be answered.
    """
    check_scope(model)
    predictions, measured = model.measure(rows)
    asked = model.predict(outsiders)
    failed = tuple(answer for answer in asked if isinstance(answer, FailedPrediction))
    outside = [answer for answer in asked if not isinstance(answer, FailedPrediction)]
    if not outside:
        raise DataError(
            "No row of the outsiders can be answered.",
            place="unknown rows",
            expected=f"rows with a {model.columns.noun}",
            found=f"{failed[0].error['found']}" if failed else "no rows",
            remedy=f"fill in the {model.columns.noun} of the rows that are of no class",
        )
    known = [
        answer
        for answer, row in zip(predictions, rows, strict=True)
        if model.learner.task.plain([], [model.learner.task.target(row, model.columns)])[1][0]
        in model.schema.labels
    ]
    scores = [*map(_score, known), *map(_score, outside)]
    inside = [True] * len(known) + [False] * len(outside)
    return BesideOutsiders(measured, scope_metrics(scores, inside), failed)


def check_scope(model: Model) -> None:
    """A ModelError unless the model says of each row whether it is in scope."""
    said = model.calibration.get("scope")
    if said is None:
        wanted, found = "", "none"
        remedy = "fine-tune it with `finetune: {scope: true}`"
    elif said["threshold"] is None:
        wanted = f" of {fewest_rows(said['recall'])} rows or more"
        found = f"{said['rows']} rows, too few for a recall of {said['recall']:g}"
        remedy = "give more validation rows, or a lower finetune.scope.recall"
    else:
        return
    raise ModelError(
        "The model does not say what is out of scope.",
        place=str(model.folder or model.name),
        expected=f"a line drawn by left-out rows{wanted}",
        found=found,
        remedy=remedy,
    )


def _score(answer: Prediction) -> float:
    if isinstance(answer, LabelPrediction) and answer.scope is not None:
        return answer.scope
    raise TypeError(f"an answer without a score of its scope: {type(answer).__name__}")
