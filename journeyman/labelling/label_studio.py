"""Tasks for Label Studio: what is to be labelled, with the model's answers drawn in to be mended.

The file is in the form that program imports (a list of tasks with `data` and `predictions`); beside
it stands its labelling configuration. `data/readers/label_studio.py` reads back what it exports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from journeyman.data.pictures import picture_size
from journeyman.data.readers.label_studio import LOCAL_FILES, PICTURE_FILE
from journeyman.errors import JourneymanError
from journeyman.files import write_text
from journeyman.labelling.queue import Wanted
from journeyman.model import Model
from journeyman.types import (
    BoxesPrediction,
    EntitiesPrediction,
    LabelPrediction,
    MultiLabelPrediction,
    Prediction,
    ValuePrediction,
)

CONTROL = "label"
"""The name of what a person sets: `from_name` of every result."""
GIVEN = "given"
"""The version under which the label that an audit doubts is drawn in."""
Result = dict[str, Any]


def write_label_studio(queue: Sequence[Wanted], model: Model, place: Path) -> None:
    """Write the tasks at `place`, and the labelling configuration beside it as XML.

    Pictures are named by their path below the folder that all of them stand in: that is what
    Label Studio has to be told to serve (`picture_root`).
    """
    root = picture_root(queue) if model.columns.image is not None else None
    tasks = [_task(wanted, model, root) for wanted in queue]
    write_text(place, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    write_text(place.with_suffix(".xml"), configuration(model))


def picture_root(queue: Sequence[Wanted]) -> Path:
    """The folder that all pictures of a queue stand in."""
    folders = [os.path.dirname(os.path.abspath(str(wanted.text))) for wanted in queue]
    return Path(os.path.commonpath(folders)) if folders else Path.cwd()


def configuration(model: Model) -> str:
    """The labelling configuration for what the model answers."""
    view = ElementTree.Element("View")
    kind, seen = model.learner.task.kind, _seen(model)
    for name, column in _objects(model).items():
        tag = "Image" if model.columns.image is not None else "Text"
        ElementTree.SubElement(view, tag, name=name, value=f"${column}")
    if kind == "value":
        ElementTree.SubElement(view, "Number", name=CONTROL, toName=seen)
    elif kind in ("label", "labels"):
        control = ElementTree.SubElement(view, "Choices", name=CONTROL, toName=seen)
        control.set("choice", "single" if kind == "label" else "multiple")
        for label in model.schema.labels:
            ElementTree.SubElement(control, "Choice", value=label)
    else:
        tag = "RectangleLabels" if kind == "boxes" else "Labels"
        control = ElementTree.SubElement(view, tag, name=CONTROL, toName=seen)
        for label in _types(model):
            ElementTree.SubElement(control, "Label", value=label)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _types(model: Model) -> Sequence[str]:
    """What boxes or spans may be called."""
    labels = model.schema.labels
    if model.learner.task.kind == "boxes":
        return labels
    return sorted({label[2:] for label in labels if label[1:2] == "-"})


def _seen(model: Model) -> str:
    """The name of what is looked at: `to_name` of every result."""
    return "image" if model.columns.image is not None else "text"


def _objects(model: Model) -> dict[str, str]:
    """What is shown, by name, and the column each is in."""
    if model.learner.task.unit == "token":
        return {"text": "text"}
    columns = model.columns.texts or ("text",)
    return {_seen(model) + ("" if at == 0 else f"_{at + 1}"): c for at, c in enumerate(columns)}


def _task(wanted: Wanted, model: Model, root: Path | None) -> dict[str, Any]:
    data = {**wanted.row, model.columns.id or "id": wanted.id}
    for target in model.columns.targets:
        data.pop(target, None)
    if root is not None:
        path = os.path.abspath(str(wanted.text))
        below = quote(Path(path).relative_to(root).as_posix())
        data |= {model.columns.image or "image": f"{LOCAL_FILES}{below}", PICTURE_FILE: path}
    if model.learner.task.unit == "token":
        data["text"] = str(wanted.text)
    said = {
        "model_version": f"{model.name}@{model.version}" if model.version else model.name,
        "score": _certainty(wanted),
        "result": _results(wanted.answer, str(wanted.text), _seen(model)),
    }
    predictions = [said]
    if wanted.suspect is not None and isinstance(wanted.given, str):
        result = [_choices([wanted.given], _seen(model))]
        predictions.insert(0, {"model_version": GIVEN, "result": result})
    return {"data": data, "predictions": predictions, "meta": _meta(wanted)}


def _meta(wanted: Wanted) -> dict[str, Any]:
    told: dict[str, Any] = {"why": wanted.why}
    if wanted.suspect is not None:
        told |= {"given": wanted.given, "likely": wanted.suspect.likely}
        told["reasons"] = list(wanted.suspect.reasons)
    return told


def _certainty(wanted: Wanted) -> float:
    """What the program sorts by: one less the doubt, or the score of the label."""
    if isinstance(wanted.answer, LabelPrediction):
        return round(wanted.answer.score, 4)
    return round(1.0 - (wanted.doubt or 0.0), 4)


def _results(answer: Prediction, text: str, seen: str) -> list[Result]:
    if isinstance(answer, LabelPrediction):
        return [_choices([answer.label], seen, answer.score)]
    if isinstance(answer, MultiLabelPrediction):
        return [_choices([one.label for one in answer.labels], seen)] if answer.labels else []
    if isinstance(answer, ValuePrediction):
        return [_result(seen, "number", {"number": answer.value})]
    if isinstance(answer, EntitiesPrediction):
        return _spans(answer, text, seen)
    if isinstance(answer, BoxesPrediction):
        return _boxes(answer, text, seen)
    raise JourneymanError(
        "Such an answer has no form in Label Studio.", place="--format",
        expected="labels, numbers, words or boxes", found=type(answer).__name__,
        remedy="write --format jsonl",
    )  # fmt: skip


def _choices(labels: Sequence[str], seen: str, score: float | None = None) -> Result:
    made = _result(seen, "choices", {"choices": list(labels)})
    return made if score is None else {**made, "score": round(score, 4)}


def _spans(answer: EntitiesPrediction, text: str, seen: str) -> list[Result]:
    """Positions are counted as a browser counts them, in units of UTF-16."""
    found = []
    for at, one in enumerate(answer.entities):
        value = {
            "start": _units(text[: one.start]), "end": _units(text[: one.end]),
            "text": one.text, "labels": [one.label],
        }  # fmt: skip
        made = _result(seen, "labels", value)
        found.append({"id": f"span-{at}", **made, "score": round(one.score, 4)})
    return found


def _boxes(answer: BoxesPrediction, path: str, seen: str) -> list[Result]:
    """Corners and sides are in percent of the picture's."""
    told = [box for box in answer.boxes if box.score >= answer.threshold]
    width, height = picture_size(path)
    found = []
    for at, one in enumerate(told):
        x, y, wide, high = one.box
        value = {
            "x": 100 * x / width, "y": 100 * y / height, "width": 100 * wide / width,
            "height": 100 * high / height, "rotation": 0, "rectanglelabels": [one.label],
        }  # fmt: skip
        size = {"original_width": width, "original_height": height, "image_rotation": 0}
        made = {"id": f"box-{at}", **_result(seen, "rectanglelabels", value), **size}
        found.append({**made, "score": round(one.score, 4)})
    return found


def _result(seen: str, kind: str, value: Mapping[str, Any]) -> Result:
    return {"from_name": CONTROL, "to_name": seen, "type": kind, "value": dict(value)}


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
