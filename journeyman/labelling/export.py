"""The queue as a file: JSON Lines or CSV to fill in by hand, or tasks for Label Studio."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from journeyman.errors import JourneymanError
from journeyman.files import write_text
from journeyman.labelling.label_studio import write_label_studio
from journeyman.labelling.queue import Wanted
from journeyman.model import Model
from journeyman.types import LabelPrediction

Writer = Callable[[Sequence[Wanted], Model, Path], None]


def lines_of(queue: Sequence[Wanted], model: Model) -> list[dict[str, Any]]:
    """Each row as an object with an empty place for its target: filled in, `learn` takes it.

    The model's answer stands beside it under `answer`, never in the place of the target.
    """
    target = next(iter(model.columns.targets), "label")
    return [{**wanted.to_json(), target: None} for wanted in queue]


def write_jsonl(queue: Sequence[Wanted], model: Model, place: Path) -> None:
    """JSON Lines."""
    lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in lines_of(queue, model)]
    write_text(place, "".join(lines))


def write_csv(queue: Sequence[Wanted], model: Model, place: Path) -> None:
    """A sheet with the row's own columns, an empty one for the label, the guess and why.

    Raises JourneymanError for a task whose target does not fit into a cell.
    """
    if model.learner.task.kind not in ("label", "labels", "value"):
        raise JourneymanError(
            "Such targets do not fit into the cells of a sheet.", place="--format",
            expected="label-studio or jsonl", found="csv",
            remedy=f"write --format label-studio for a model of {model.learner.task.name}",
        )  # fmt: skip
    target = next(iter(model.columns.targets), "label")
    rows = [_cells(wanted, target) for wanted in queue]
    names = list(dict.fromkeys(name for row in rows for name in row))
    held = io.StringIO()
    writer = csv.DictWriter(held, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(place, held.getvalue())


def _cells(wanted: Wanted, target: str) -> dict[str, Any]:
    answer = wanted.answer.to_json()
    guess = answer.get("label", answer.get("value"))
    if "labels" in answer:
        guess = "|".join(one["label"] for one in answer["labels"])
    score = wanted.answer.score if isinstance(wanted.answer, LabelPrediction) else None
    own = {name: _cell(value) for name, value in wanted.row.items() if name not in ("id", target)}
    told = {"guess": guess, "score": None if score is None else round(score, 4), "why": wanted.why}
    given = {} if wanted.suspect is None else {"given": _cell(wanted.given)}
    return {"id": wanted.id, **own, target: None, **told, **given}


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


FORMATS: dict[str, Writer] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "label-studio": write_label_studio,
}
