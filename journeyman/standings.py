"""How a model stands: measured on test rows, beside baselines and a human on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import numpy as np

from journeyman.data.options import DataOptions
from journeyman.data.target import ratings_of
from journeyman.evaluation.baselines.base import run_baselines
from journeyman.evaluation.calibration import ReliabilityPoint, reliability_curve
from journeyman.evaluation.intervals import Groups
from journeyman.evaluation.rater import compare_raters
from journeyman.evaluation.slices import evaluate_slices
from journeyman.model import Measured, Model
from journeyman.progress import QUIET, Reporter
from journeyman.training.examples import Examples, FeatureSource
from journeyman.types import LabelPrediction, Metric, Prediction, Row, ValuePrediction

Metrics = Mapping[str, Metric]
HUMAN = "one human rater"
SMALLEST_SLICE = 20


@dataclass(frozen=True)
class Standings:
    """The model and its rivals on the test rows.

    `overall` is {rival: {metric}}, `slices` {column: {value: {rival: {metric}}}}. `human` and
    `beside_human` compare one rater and the model with the mean of the other raters, overall ("")
    and by slice value. `uncalibrated` is the calibration error before calibration; `reliability`
    the curves before and after.
    """

    measured: Measured
    predictions: Sequence[Prediction]
    overall: Mapping[str, Metrics] = field(default_factory=dict)
    slices: Mapping[str, Mapping[str, Mapping[str, Metrics]]] = field(default_factory=dict)
    omitted: Mapping[str, str] = field(default_factory=dict)
    human: Mapping[str, Metrics] = field(default_factory=dict)
    beside_human: Mapping[str, Metrics] = field(default_factory=dict)
    uncalibrated: Metric | None = None
    reliability: Mapping[str, Sequence[ReliabilityPoint]] = field(default_factory=dict)


def stand(
    model: Model,
    train: Examples,
    validation: Examples,
    test: Examples,
    test_rows: Sequence[Row],
    source: FeatureSource,
    *,
    seed: int,
    reporter: Reporter = QUIET,
) -> Standings:
    """Measure the model on the test rows, fit the baselines, and draw the human rater."""
    predictions, measured = model.measure(
        test_rows, examples=test, source=source, reporter=reporter
    )
    rivals = _rivals(model, train, validation, test, test_rows, seed, reporter)
    human, beside = _raters(model.columns, test_rows, predictions, seed)
    before, curves = _calibration(model, test, source, predictions)
    return Standings(
        measured,
        predictions,
        *rivals,
        human=human,
        beside_human=beside,
        uncalibrated=before,
        reliability=curves,
    )


def _rivals(
    model: Model,
    train: Examples,
    validation: Examples,
    test: Examples,
    rows: Sequence[Row],
    seed: int,
    reporter: Reporter,
) -> tuple[dict[str, Metrics], dict[str, Any], dict[str, str]]:
    task = model.learner.task
    learned, chosen, asked = (
        task.plain(part.texts, part.targets) for part in (train, validation, test)
    )
    run = run_baselines(
        task.kind,
        learned,
        chosen,
        asked[0],
        seed=seed,
        progress=lambda name: reporter.say(f"  baseline: {name}"),
    )
    groups = groups_of(model.columns, rows)

    def compare(name: str, which: Any) -> Metrics:
        return task.compare(
            [asked[1][i] for i in which],
            [run.predictions[name][i] for i in which],
            groups=None if groups is None else [groups[i] for i in which],
        )

    overall = {name: compare(name, range(len(rows))) for name in run.predictions}
    slices: dict[str, dict[str, dict[str, Metrics]]] = {}
    for column in model.columns.slices:
        values = [row.get(column) for row in rows]
        for name in run.predictions:
            found = evaluate_slices({column: values}, partial(compare, name))
            for value, metrics in found[column].items():
                slices.setdefault(column, {}).setdefault(value, {})[name] = metrics
    return overall, slices, dict(run.omitted)


def groups_of(columns: DataOptions, rows: Sequence[Row]) -> Groups | None:
    """The group of each row, where the data has groups."""
    return [str(row.get(columns.group)) for row in rows] if columns.group else None


def _raters(
    columns: DataOptions, rows: Sequence[Row], predictions: Sequence[Prediction], seed: int
) -> tuple[dict[str, Metrics], dict[str, Metrics]]:
    if columns.ratings is None or columns.rating_labels is None:
        return {}, {}
    ratings = [ratings_of(row.get(columns.ratings)) or [] for row in rows]
    human: dict[str, Metrics] = {}
    ours: dict[str, Metrics] = {}
    places = {"": list(range(len(rows)))}
    for column in columns.slices:
        for at, row in enumerate(rows):
            places.setdefault(str(row.get(column)), []).append(at)
    for value, which in places.items():
        if len(which) < SMALLEST_SLICE or all(len(ratings[i]) < 2 for i in which):
            continue
        answers = [predictions[i] for i in which]
        labelled = isinstance(answers[0], LabelPrediction)
        valued = isinstance(answers[0], ValuePrediction)
        compared = compare_raters(
            [ratings[i] for i in which],
            model_labels=[cast(LabelPrediction, a).label for a in answers] if labelled else None,
            model_values=[cast(ValuePrediction, a).value for a in answers] if valued else None,
            thresholds=columns.rating_thresholds,
            labels=columns.rating_labels,
            seed=seed,
        )
        human[value], ours[value] = compared.human, compared.model
    return human, ours


def _calibration(
    model: Model, test: Examples, source: FeatureSource, predictions: Sequence[Prediction]
) -> tuple[Metric | None, dict[str, Sequence[ReliabilityPoint]]]:
    if not predictions or not isinstance(predictions[0], LabelPrediction):
        return None, {}
    raw = model.decoded(model.learner.outputs(test, source), test.texts, calibration={})
    before = model.learner.task.evaluate(raw, test.targets, model.schema, texts=test.texts)
    truths = model.learner.task.plain(test.texts, test.targets)[1]
    curves: dict[str, Sequence[ReliabilityPoint]] = {
        name: reliability_curve(
            np.array([cast(LabelPrediction, a).score for a in answers]),
            np.array(
                [cast(LabelPrediction, a).label == t for a, t in zip(answers, truths, strict=True)]
            ),
        )
        for name, answers in (("before calibration", raw), ("after calibration", predictions))
    }
    return before.metrics.get("ece"), curves
