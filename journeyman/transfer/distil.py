"""A small student that learns from a large teacher's answers.

Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network": the teacher's
probabilities, softened by a temperature, say which wrong answers are nearly right. The student's
logits are learned at that temperature as they stand, and calibration gives them back their scale
afterwards: the same student as theirs, but for how its logits are written. Shapes: N rows, C
outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text
from journeyman.errors import ModelError
from journeyman.evaluation.calibration import probabilities
from journeyman.model import Model
from journeyman.tasks.base import Schema, Task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, content_ids
from journeyman.training.feature_source import feature_source
from journeyman.training.trainer import Trained
from journeyman.transfer.options import DistilOptions
from journeyman.transfer.warm_start import Setting, train


@dataclass(frozen=True)
class Lesson:
    """What a student is taught by: labelled rows to learn from and to choose by, and more texts."""

    learned: Examples
    chosen: Examples
    more: Sequence[Text] = ()


def taught(
    teacher: Model,
    student: Backbone,
    task: Task,
    schema: Schema,
    lesson: Lesson,
    options: DistilOptions,
    setting: Setting,
) -> Trained:
    """Train the student on the teacher's answers to every row, and on the labels there are."""
    check_teacher(teacher, task, schema)
    texts = [*lesson.learned.texts, *lesson.more]
    soft = soft_labels(teacher, texts, options.temperature, setting.cache)
    count = len(lesson.learned)
    encoded = lesson.learned.encoded
    if encoded is None:
        raise ValueError("labelled rows need encoded targets")
    hard = task.matrix(encoded, schema)
    soft[:count] = options.weight * soft[:count] + (1.0 - options.weight) * hard
    guessed = [schema.labels[at] for at in soft[count:].argmax(1).tolist()]
    raw = [replace(lesson.learned.targets[0], label=label, weights=None) for label in guessed]
    learned = Examples(
        texts,
        student.prepare(texts),
        [*lesson.learned.targets, *raw],
        replace(encoded, rows=soft),
        ids=[*lesson.learned.ids, *content_ids(lesson.more)],
    )
    return train(task, student, schema, learned, lesson.chosen, setting)


def soft_labels(
    teacher: Model, texts: Sequence[Text], temperature: float, cache: FeatureCache
) -> Tensor:
    """[N, C] probabilities of the teacher's calibrated logits divided by `temperature`."""
    examples = Examples(texts, teacher.learner.backbone.prepare(texts), ())
    source = feature_source(teacher.learner, examples, cache)
    outputs = np.stack(teacher.learner.outputs(examples, source)).astype(np.float64)
    scale = float(teacher.calibration.get("temperature", 1.0)) * temperature
    return torch.from_numpy(probabilities(outputs, scale)).float()


def check_teacher(teacher: Model, task: Task, schema: Schema) -> None:
    """Raises ModelError unless the teacher answers with the labels of the data, one a row."""
    theirs = teacher.schema.labels
    if task.kind == "label" and teacher.learner.task.kind == "label" and theirs == schema.labels:
        return
    raise ModelError(
        "The teacher answers another question than the data asks.",
        place="transfer.distil.teacher",
        expected=f"a model of one label a row: {', '.join(schema.labels[:20])}",
        found=f"{teacher.learner.task.name}: {', '.join(theirs[:20])}",
        remedy="name a teacher that was trained on these labels, or use transfer.candidates",
    )
