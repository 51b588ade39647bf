"""Questions about rows: what is explained of each, by what a learner answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from journeyman.backbones.text_encoder import Text
from journeyman.errors import JourneymanError
from journeyman.explainers.passage import Passage
from journeyman.explainers.picture_question import PictureQuestion, Scene
from journeyman.explainers.question import Question
from journeyman.explainers.target import Asked, box_target, target_of
from journeyman.explainers.word_question import WordQuestion
from journeyman.tasks.base import TASKS, Schema, Task
from journeyman.training.examples import Examples
from journeyman.training.learner import Learner
from journeyman.types import BoxesPrediction, Prediction


def ask(
    learner: Learner,
    schema: Schema,
    texts: Sequence[Text],
    ids: Sequence[str],
    calibration: Mapping[str, Any],
    targets: Sequence[Asked] | None = None,
) -> list[Question]:
    """One question a row: about `targets` where given, else about the learner's own answer."""
    task = learner.task
    examples = Examples(texts, learner.backbone.prepare(texts), ())
    outputs = learner.outputs(examples, learner.uncached(examples))
    answers = task.decode(outputs, schema, calibration, ids, texts)
    read = _picture if task.modality == "image" else _words
    asked = targets or [None] * len(texts)
    return [read(learner, schema, *row) for row in zip(ids, texts, answers, asked, strict=True)]


def _words(
    learner: Learner, schema: Schema, row_id: str, text: Text, answer: Prediction, asked: Asked
) -> Question:
    passage = Passage.read(learner.backbone, text)
    target = target_of(learner.task, schema, answer, asked, passage.inputs, text)
    return WordQuestion(row_id, learner, target, passage)


def _picture(
    learner: Learner, schema: Schema, row_id: str, path: Text, answer: Prediction, asked: Asked
) -> Question:
    scene = Scene.read(learner.backbone, str(path))
    if isinstance(answer, BoxesPrediction):
        boxed = box_target(schema, answer, asked, scene.placement)
        return PictureQuestion(row_id, learner, boxed, scene, boxed.sides)
    target = target_of(learner.task, schema, answer, asked, scene.inputs, path)
    return PictureQuestion(row_id, learner, target, scene)


def boxes_to_explain(answer: Prediction, most: int) -> Sequence[Asked]:
    """The surest boxes of an answer, at most so many; nothing in particular where it has none."""
    boxes = answer.boxes[:most] if isinstance(answer, BoxesPrediction) else ()
    return boxes or (None,)


def check_boxes(task: Task, boxes: int) -> None:
    """Raise where several boxes of a picture are asked about and the task knows of none."""
    if boxes >= 1 and (boxes == 1 or task.kind == "boxes"):
        return
    others = " or ".join(name for name in TASKS if TASKS[name].kind == "boxes")
    few = boxes < 1
    raise JourneymanError(
        "At least one box of a picture is explained." if few else f"{task.name} finds no boxes.",
        place="boxes", expected="1 or more" if few else f"a model of {others}, or 1",
        found=str(boxes), remedy="leave boxes out: one answer a row is explained",
    )  # fmt: skip
