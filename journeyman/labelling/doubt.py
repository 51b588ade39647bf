"""How unsure a model is of each row, from 0 to 1, whatever it answers with.

Shapes: N rows, C classes, W words of a row, K boxes of a picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from journeyman.labelling.view import Numbers
from journeyman.model_state import ModelState
from journeyman.tasks.base import Array
from journeyman.types import BoxesPrediction, Prediction

WORST = 3
"""Words of a sentence, or boxes of a picture, whose doubts are averaged: the largest. One alone
would be noise; all would be few among many that are certain."""


def chances_of(model: ModelState, outputs: Sequence[Array]) -> Numbers | None:
    """[N, C]: calibrated probabilities of rows that have one label; None of other targets."""
    task = model.learner.task
    if task.kind != "label":
        return None
    found = task.opinions(outputs, model.schema, model.calibration)
    return np.stack(found) if found else np.zeros((0, len(model.schema.labels)))


def doubts_of(
    model: ModelState, outputs: Sequence[Array], answers: Sequence[Prediction]
) -> Numbers | None:
    """[N]: one less the margin between the two likeliest; None where answers are numbers.

    Of several labels, that of the label nearest to a half. Of words and of boxes, the mean of the
    largest few; a box is in doubt as its score is near to the one from which boxes are told.
    """
    kind = model.learner.task.kind
    if kind == "boxes":
        return np.array([_of_boxes(answer) for answer in answers])
    if kind not in ("label", "labels", "tags"):
        return None
    opinions = model.learner.task.opinions(outputs, model.schema, model.calibration)
    if kind == "labels":
        return np.array([1.0 - np.abs(2.0 * row - 1.0).min() for row in opinions])
    if kind == "tags":
        return np.array([_worst(unsure(row)) for row in opinions])
    return unsure(np.stack(opinions)) if opinions else np.zeros(0)


def unsure(chances: Numbers) -> Numbers:
    """[N]: one less the margin of each row of probabilities [N, C]."""
    if chances.shape[1] < 2:
        return np.zeros(len(chances))
    first = np.partition(chances, -2, axis=1)
    doubt: Numbers = 1.0 - (first[:, -1] - first[:, -2])
    return doubt


def _of_boxes(answer: Prediction) -> float:
    if not isinstance(answer, BoxesPrediction):
        return 0.0
    scores, least = np.array([box.score for box in answer.boxes]), answer.threshold
    room = np.where(scores < least, max(least, 1e-6), max(1.0 - least, 1e-6))
    return _worst(np.clip(1.0 - np.abs(scores - least) / room, 0.0, 1.0))


def _worst(doubts: NDArray[np.float64]) -> float:
    return float(np.sort(doubts)[-WORST:].mean()) if len(doubts) else 0.0
