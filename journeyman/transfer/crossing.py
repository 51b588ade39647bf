"""From starts to a model of the new data: rank, learn from the best, and tell what it saved."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from journeyman.tasks.base import Array
from journeyman.training.feature_source import feature_source
from journeyman.transfer.curve import Curve, Draws, learning_curves, sizes
from journeyman.transfer.features import StartFeatures, start_features
from journeyman.transfer.new_data import Indices, NewData
from journeyman.transfer.options import TransferOptions
from journeyman.transfer.ranking import Ranked, rank
from journeyman.transfer.result import evaluated
from journeyman.transfer.savings import Saving, savings
from journeyman.transfer.start import Start
from journeyman.transfer.warm_start import Carried, Setting, carry, divided, train_on, trains
from journeyman.types import Metric

Metrics = Mapping[str, Metric]


@dataclass(frozen=True)
class Crossing:
    """What came of it: `chosen` is where learning started, on `labels` labelled rows.

    `test` are the test metrics, `plain` those of learning the same rows from the plain backbone,
    `unlearned`
    those of each model that already answers the question, as it is. `curves` begins with the best
    model's and the plain one's, which `saved` compares. `seconds` are by part.
    """

    data: NewData
    labels: int
    ranking: Sequence[Ranked]
    chosen: Start
    carried: Carried
    test: Metrics
    plain: Metrics
    unlearned: Mapping[str, Metrics]
    curves: Sequence[Curve] = ()
    saved: Sequence[Saving] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


def cross(
    starts: Sequence[Start], data: NewData, options: TransferOptions, setting: Setting
) -> Crossing:
    """Learn the new data from the best of `starts`, the first of which is the plain backbone."""
    clock = time.perf_counter()
    seconds: dict[str, float] = {}
    rows = data.chosen(options.labels, setting.seed)
    every = [start_features(start, data, setting.cache, setting.reporter) for start in starts]
    clock = _lap(seconds, "features", clock)
    ranking = rank(every, rows, setting.metric)
    clock = _lap(seconds, "ranking", clock)
    by_name = {each.start.name: each for each in every}
    ordered = [by_name[each.name] for each in ranking]
    models = [each for each in ordered if each.start.model is not None]
    chosen = {"auto": ordered[0], "plain": every[0], "model": (models or ordered)[0]}[options.start]
    cold = carry(every[0], rows, options.tune, setting)
    carried = cold if chosen is every[0] else carry(chosen, rows, options.tune, setting)
    clock = _lap(seconds, "learning", clock)
    curves = _curves([*models[:1], every[0]], options, setting)
    _lap(seconds, "curves", clock)
    return Crossing(
        data=data,
        labels=len(rows),
        ranking=ranking,
        chosen=chosen.start,
        carried=carried,
        test=_metrics(chosen, carried, setting),
        plain=_metrics(every[0], cold, setting),
        unlearned={each.start.name: _as_it_is(each, setting) for each in models if _knows(each)},
        curves=curves,
        saved=savings(curves[0], curves[1], setting.seed) if len(curves) > 1 else (),
        seconds=seconds,
    )


def _lap(seconds: dict[str, float], part: str, since: float) -> float:
    now = time.perf_counter()
    seconds[part] = now - since
    return now


def _curves(
    starts: Sequence[StartFeatures], options: TransferOptions, setting: Setting
) -> list[Curve]:
    curve = options.curve
    if not curve.draws or not len(starts[0].data.test):
        return []
    numbers = sizes(starts[0].data, curve.smallest, curve.largest)
    draw = Draws(numbers, curve.draws, setting.seed, setting.metric)

    def head(start: StartFeatures, rows: Indices) -> list[Array]:
        return start.test_outputs(start.fit(rows, setting.metric))

    def layers(start: StartFeatures, rows: Indices) -> list[Array]:
        learner = train_on(start, *_parts(start, rows, setting), setting).learner
        return learner.outputs(start.test, feature_source(learner, start.test, setting.cache))

    curves = learning_curves(starts, draw, head, reporter=setting.reporter)
    able = [each for each in starts if trains(each, setting.options)]
    if curve.tuned:
        words = ", layers tuned"
        curves += learning_curves(able, draw, layers, suffix=words, reporter=setting.reporter)
    return curves


def _parts(start: StartFeatures, rows: Indices, setting: Setting) -> tuple[Indices, Indices]:
    learned, chosen = divided(start.data.strata[rows], setting.seed)
    return rows[learned], rows[chosen]


def _knows(start: StartFeatures) -> bool:
    return start.start.knows(start.data.task, start.data.schema)


def _metrics(start: StartFeatures, carried: Carried, setting: Setting) -> Metrics:
    source = feature_source(carried.learner, start.test, setting.cache)
    outputs = carried.learner.outputs(start.test, source)
    return evaluated(start.data, start.test, outputs, carried.calibration)


def _as_it_is(start: StartFeatures, setting: Setting) -> Metrics:
    model = start.start.model
    if model is None:
        raise ValueError("the plain backbone answers nothing")
    return _metrics(start, Carried(model.learner, model.calibration, False), setting)
