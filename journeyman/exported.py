"""A model's answers in another format than JSON lines: what was written, and what had no answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.errors import JourneymanError
from journeyman.export.base import EXPORTS, export_boxes
from journeyman.model import Model
from journeyman.tasks.base import TASKS, model_of
from journeyman.types import BoxesPrediction, FailedPrediction


@dataclass(frozen=True)
class Exported:
    """How many pictures were written, and what could not be answered."""

    pictures: int
    failed: tuple[FailedPrediction, ...]


def export_answers(
    model: Model, questions: Iterable[Any], format: str, place: str | Path
) -> Exported:
    """Ask a model that finds boxes, and write what it found at `place`.

    Raises JourneymanError for a model that finds none, where no question has an answer, and where
    `export_boxes` does.
    """
    _check(model, format)
    image = model.columns.image or "image"
    asked = list(questions)
    found: list[BoxesPrediction] = []
    pictures: list[str] = []
    failed: list[FailedPrediction] = []
    for question, answer in zip(asked, model.stream(asked), strict=True):
        if isinstance(answer, BoxesPrediction):
            found.append(answer)
            pictures.append(str(question[image] if isinstance(question, Mapping) else question))
        elif isinstance(answer, FailedPrediction):
            failed.append(answer)
    if failed and not found:
        said = {name: failed[0].error[name] for name in ("place", "expected", "found", "remedy")}
        raise JourneymanError("No question could be answered; nothing is written.", **said)
    export_boxes(format, found, pictures, model.schema.labels, place)
    return Exported(len(found), tuple(failed))


def _check(model: Model, format: str) -> None:
    """Raise for a format there is none of, and for a model that gives no boxes."""
    EXPORTS[format]
    task = model.learner.task
    if task.kind == "boxes":
        return
    others = [name for name in TASKS if TASKS[name].kind == "boxes"]
    raise JourneymanError(
        f"{model_of(task.name)} finds no boxes to write as {format}.",
        place="--format",
        expected=f"a model of {' or '.join(others)}" if others else "a model that finds boxes",
        found=task.name,
        remedy="leave --format and --output out: answers are then printed as JSON lines",
    )
