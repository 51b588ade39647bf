"""What transfer leaves: an ordinary model of the new data that names its parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from journeyman.model import Model
from journeyman.tasks.base import Array
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.exam import Exam, make_exam
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Learner
from journeyman.transfer.new_data import NewData
from journeyman.types import Metric


def result(
    name: str,
    data: NewData,
    learner: Learner,
    calibration: Mapping[str, Any],
    cache: FeatureCache,
    *,
    parent: Model | None,
    labels: int,
    test: Mapping[str, Metric],
) -> Model:
    """The model, not saved yet. Exam rows have labels, so they are kept only where all count."""
    exam = Exam()
    if labels == len(data.rows) and data.exam:
        examples = data.examples(data.exam, learner.backbone)
        source = feature_source(learner, examples, cache)
        exam = make_exam(learner, data.columns, data.exam, examples, source)
    about = {
        "data": data.fingerprint,
        "rows": {"labelled": labels, "test": len(data.test)},
        "parent": None if parent is None else parent.version,
        "lineage": [] if parent is None else lineage(parent),
        "test": {metric: value.to_json() for metric, value in test.items()},
    }
    return Model(
        name=name,
        learner=learner,
        schema=data.schema,
        columns=data.columns,
        calibration=calibration,
        exam=exam,
        about=about,
    )


def lineage(parent: Model) -> list[dict[str, Any]]:
    """The parent and what it came from, nearest first: name, version and data."""
    own = {"name": parent.name, "version": parent.version, "data": parent.about.get("data")}
    return [own, *parent.about.get("lineage", [])]


def evaluated(
    data: NewData,
    test: Examples,
    outputs: Sequence[Array],
    calibration: Mapping[str, object],
) -> dict[str, Metric]:
    """Every metric of a model's outputs to the test rows; none without test rows."""
    names = [""] * len(test)
    answers = data.task.decode(outputs, data.schema, calibration, names, test.texts)
    if not answers:
        return {}
    return dict(data.task.evaluate(answers, test.targets, data.schema, texts=test.texts).metrics)
