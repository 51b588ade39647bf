"""A teacher, a student taught by it, and the same student without it, on the same test rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from journeyman.backbones.base import Backbone
from journeyman.data.removals import Removals
from journeyman.errors import DataError
from journeyman.model import Model
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Learner
from journeyman.training.trainer import Trained
from journeyman.training.unlabelled import texts_in
from journeyman.transfer.distil import Lesson, taught
from journeyman.transfer.new_data import Indices, NewData
from journeyman.transfer.options import DistilOptions
from journeyman.transfer.result import evaluated
from journeyman.transfer.warm_start import Setting, divided, train
from journeyman.types import Metric

Metrics = Mapping[str, Metric]
TIMED_ROWS = 64


@dataclass(frozen=True)
class Pupil:
    """One of the three: test metrics, numbers in its network, seconds for 1,000 texts."""

    metrics: Metrics
    backbone: str
    parameters: int
    seconds: float


@dataclass(frozen=True)
class Schooling:
    """What came of it. `taught` is the student to keep; `labels` count its labelled rows and
    `unlabelled` the others."""

    data: NewData
    labels: int
    unlabelled: int
    teacher: Pupil
    student: Pupil
    untaught: Pupil
    taught: Trained
    seconds: Mapping[str, float]


def school(
    teacher: Model,
    student: Backbone,
    data: NewData,
    labels: int | None,
    options: DistilOptions,
    setting: Setting,
) -> Schooling:
    """Teach the student, train it once more without the teacher, and measure all three."""
    rows = data.chosen(labels, setting.seed)
    learned, chosen = divided(data.strata[rows], setting.seed)
    every = data.examples(data.rows, student)
    parts = every.select(rows[learned]), every.select(rows[chosen])
    lesson = Lesson(*parts, _unlabelled(data, every, rows, options, setting.removals))
    began = time.perf_counter()
    found = taught(teacher, student, data.task, data.schema, lesson, options, setting)
    seconds = {"teaching": time.perf_counter() - began}
    began = time.perf_counter()
    alone = train(data.task, student, data.schema, *parts, setting)
    seconds["training without the teacher"] = time.perf_counter() - began
    return Schooling(
        data,
        len(rows),
        len(lesson.more),
        _pupil(data, teacher.learner, teacher.calibration, setting),
        _pupil(data, found.learner, found.calibration, setting),
        _pupil(data, alone.learner, alone.calibration, setting),
        found,
        seconds,
    )


def _unlabelled(
    data: NewData, every: Examples, rows: Indices, options: DistilOptions, removals: Removals
) -> list[str | tuple[str, str]]:
    """Texts of the rows whose labels are not used, and of the file of more."""
    used = set(rows.tolist())
    texts = [text for at, text in enumerate(every.texts) if at not in used]
    if options.unlabelled is None:
        return texts
    rows_read = list(texts_in(options.unlabelled, data.columns, data.task.unit, removals))
    read = [text for text in rows_read if text is not None]
    if not read:
        raise DataError(
            "The file of unlabelled rows has no text to read.",
            place=options.unlabelled,
            expected="rows with a text",
            found=f"{len(rows_read)} rows that cannot be used" if rows_read else "no rows",
            remedy="check the file, or leave transfer.distil.unlabelled out",
        )
    return [*texts, *read]


def _pupil(
    data: NewData, learner: Learner, calibration: Mapping[str, object], setting: Setting
) -> Pupil:
    test = data.examples(data.test, learner.backbone)
    outputs = learner.outputs(test, feature_source(learner, test, setting.cache))
    some = test.select(np.arange(min(TIMED_ROWS, len(test))))
    began = time.perf_counter()
    learner.outputs(some, learner.uncached(some))
    seconds = (time.perf_counter() - began) / max(len(some), 1) * 1000
    size = sum(value.numel() for value in learner.backbone.module.parameters())
    metrics = evaluated(data, test, outputs, calibration)
    return Pupil(metrics, learner.backbone.spec.name, size, seconds)
