"""The warm start: new data learned from where a model's tuned layers stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from journeyman.backbones.base import Backbone
from journeyman.data.removals import Removals
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Schema, Task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.ladder import climb
from journeyman.training.learner import Learner
from journeyman.training.options import FinetuneOptions
from journeyman.training.scoping import LeftOut, drawn
from journeyman.training.trainer import Trained, finetune
from journeyman.transfer.features import StartFeatures, as_rows
from journeyman.transfer.head_fit import HeadFit, ridge_head
from journeyman.transfer.new_data import Indices, nested_order
from journeyman.transfer.start import twin

ENOUGH = 500
"""Labelled rows from which `tune: auto` tries tuning the layers: of fewer, noise would choose."""
CHOOSING = 0.2
"""Share of the labelled rows that training by gradient chooses by."""


@dataclass(frozen=True)
class Carried:
    """What was learned from a start.

    `tuned` says whether the layers were tuned on; `scores` what that was chosen by, on rows set
    aside.
    """

    learner: Learner
    calibration: Mapping[str, Any]
    tuned: bool
    fit: HeadFit | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """How learning goes: the recipe's options and what every training shares."""

    options: FinetuneOptions
    metric: str
    seed: int
    cache: FeatureCache
    reporter: Reporter = QUIET
    removals: Removals = field(default_factory=Removals)


def carry(start: StartFeatures, rows: Indices, tune: str, setting: Setting) -> Carried:
    """Learn the labelled `rows`: the head alone or the layers too, as `tune` says."""
    able = trains(start, setting.options)
    if tune == "head" or not able or (tune == "auto" and len(rows) < ENOUGH):
        return solved(start, rows, setting)
    learned, chosen = (rows[part] for part in divided(start.data.strata[rows], setting.seed))
    trained = train_on(start, learned, chosen, setting)
    targets = [start.learned.targets[at] for at in chosen]
    task, schema = start.data.task, start.data.schema
    head = start.fit(learned, setting.metric)
    outputs = as_rows(head.outputs(start.rows_of(head, chosen)))
    scores = {
        "head": task.score(outputs, targets, schema, setting.metric),
        "layers": task.score(trained.outputs, targets, schema, setting.metric),
    }
    if tune == "auto" and scores["layers"] <= scores["head"]:
        return replace(solved(start, rows, setting), scores=scores)
    return Carried(trained.learner, trained.calibration, True, None, scores)


def solved(start: StartFeatures, rows: Indices, setting: Setting) -> Carried:
    """The layers stay as they are; the head is solved, and calibrated on rows left out."""
    fit = start.fit(rows, setting.metric)
    data, learner = start.data, start.start.learner
    shape = learner.head.shape
    learner.head = ridge_head(fit, shape, start.rows_of(fit, rows), start.targets[rows])
    targets = [start.learned.targets[at] for at in rows]
    calibration = data.task.calibrate(
        as_rows(fit.left_out), targets, data.schema, setting.options.target_accuracy
    )
    labels = data.task.plain([], targets)[1]
    left_out = LeftOut(as_rows(fit.left_out), labels, None)
    calibration |= drawn(setting.options.scope, left_out, data.schema, calibration)
    return Carried(learner, calibration, False, fit)


def train_on(start: StartFeatures, learned: Indices, chosen: Indices, setting: Setting) -> Trained:
    """Tune the layers on from the start, by `learned` rows; `chosen` ones choose the epoch."""
    parts = start.learned.select(learned), start.learned.select(chosen)
    data, model, learner = start.data, start.start.model, None
    if model is not None:
        head = getattr(setting.options.head, "name", None)
        learner = twin(model, data.task, data.schema, setting.seed, head=head)
    backbone = start.start.learner.backbone
    return train(data.task, backbone, data.schema, *parts, setting, learner=learner)


def train(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    learned: Examples,
    chosen: Examples,
    setting: Setting,
    *,
    learner: Learner | None = None,
) -> Trained:
    """Fine-tune as the recipe says, from pretrained weights or on from a `learner`."""
    if learner is None and setting.options.tuner == "auto":
        return climb(
            task, backbone, schema, learned, chosen, setting.options,
            seed=setting.seed, cache=setting.cache, reporter=setting.reporter,
        ).trained  # fmt: skip
    return finetune(
        task, backbone, schema, learned, chosen, setting.options,
        seed=setting.seed, cache=setting.cache, learner=learner, reporter=setting.reporter,
    )  # fmt: skip


def trains(start: StartFeatures, options: FinetuneOptions) -> bool:
    """Whether there are layers to tune: the model's own way of tuning, or the recipe's."""
    if start.start.model is not None:
        return bool(start.start.model.learner.tuner.trains)
    return options.tuner is not None and getattr(options.tuner, "name", "auto") != "none"


def divided(strata: Indices, seed: int) -> tuple[Indices, Indices]:
    """Positions of labelled rows to learn from and, a stratified share, to choose by."""
    order = nested_order(strata, np.random.default_rng([seed, len(strata)]))[::-1]
    count = max(1, round(CHOOSING * len(strata)))
    return np.sort(order[count:]), np.sort(order[:count])
