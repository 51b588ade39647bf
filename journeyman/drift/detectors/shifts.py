"""The detectors that act: whether the mean of what arrives, of the answers or of labels moved."""

from __future__ import annotations

from journeyman.drift.detectors.base import DETECTORS, MeanShift


@DETECTORS.register("input-shift")
class InputShift(MeanShift):
    """Inputs unlike those the model was examined on, by the features that its head reads."""

    name = "input-shift"
    view = "input"


@DETECTORS.register("answer-shift")
class AnswerShift(MeanShift):
    """Other answers than before: a shift of the labels themselves, seen before labels come."""

    name = "answer-shift"
    view = "answers"
    limit = 30.0


@DETECTORS.register("confidence-shift")
class ConfidenceShift(MeanShift):
    """Answers that are less sure, or surer, than before."""

    name = "confidence-shift"
    view = "confidence"
    limit = 30.0


@DETECTORS.register("label-shift")
class LabelShift(MeanShift):
    """Labels that come in other shares than before, or that the answers miss more often."""

    name = "label-shift"
    view = "labels"
    limit = 30.0
