"""Fine-tuning from prepared rows to a trained learner: the loop, the solved head, calibration."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.backbones.base import Backbone
from journeyman.errors import JourneymanError
from journeyman.heads.base import HEADS, Head, SolvedHead, SolveReport
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array, Schema, Task
from journeyman.training.assembly import make_learner
from journeyman.training.augmentations.base import with_copies
from journeyman.training.balance import ClassWeights, class_weights
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Learner
from journeyman.training.ledger import Entries
from journeyman.training.loop import Fitted, Split, Watch, fit
from journeyman.training.objectives.base import Objective, objective_of
from journeyman.training.options import FinetuneOptions
from journeyman.training.scoping import scope_of
from journeyman.training.solving import enter, solve, solver_rows, solver_targets
from journeyman.training.trackers import Tracker


@dataclass(frozen=True)
class Trained:
    """A learner, what turns its outputs into answers, and how it came about.

    `seconds` are of the frozen pass, the loop and the solving; `outputs` are of the validation
    rows, before a solved head takes them in.
    """

    learner: Learner
    calibration: Mapping[str, Any]
    fitted: Fitted | None
    solved: SolveReport | None
    seconds: Mapping[str, float]
    outputs: Sequence[Array] = ()


def finetune(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    train: Examples,
    validation: Examples,
    options: FinetuneOptions,
    *,
    seed: int,
    cache: FeatureCache,
    checkpoint: Path | None = None,
    tracker: Tracker | None = None,
    watch: Watch | None = None,
    learner: Learner | None = None,
    reporter: Reporter = QUIET,
) -> Trained:
    """Train by gradient what is trained so, then solve the head where it is one that is solved.

    `learner` is one to go on with, its layers as another model left them; else it is made anew.
    """
    weights = None if options.balance is None else class_weights(train, options.balance)
    if weights is not None:
        train, validation = weights.scaled(train), weights.scaled(validation)
    learner = learner or make_learner(task, backbone, schema, options, seed=seed)
    clock = _Clock()
    learned = Split(train, feature_source(learner, train, cache, reporter))
    chosen = Split(validation, feature_source(learner, validation, cache, reporter))
    course = _Course(learner, schema, learned, chosen, options, seed, reporter)
    clock.lap("frozen pass")
    fitted = solved = None
    if learner.tuner.trains or not learner.head.solved:
        fitted = course.by_gradient(cache, checkpoint, tracker, watch)
        clock.lap("training")
    if isinstance(learner.head, SolvedHead):
        solved, outputs = solve(
            learner,
            schema,
            course.with_views(cache),
            chosen,
            metric=course.metric,
            take_in=options.refit,
            reporter=reporter,
        )
        clock.lap("solving")
    else:
        outputs = learner.outputs(validation, chosen.source)
    calibration = course.calibrated(outputs, weights)
    clock.lap("calibration")
    return Trained(learner, calibration, fitted, solved, clock.seconds, outputs)


def refit(trained: Trained, schema: Schema, validation: Examples, cache: FeatureCache) -> None:
    """Let a solved head take in the validation rows, where fine-tuning was told not to.

    The same as fine-tuning with `refit`, for who needs the learner first as it was judged.
    """
    learner, head = trained.learner, trained.learner.head
    if not isinstance(head, SolvedHead) or not len(validation):
        return
    if "balance" in trained.calibration:
        weights = ClassWeights.from_json(trained.calibration["balance"])
        validation = weights.scaled(validation)
    chosen = Split(validation, feature_source(learner, validation, cache))
    given = Entries(solver_rows(learner, chosen), solver_targets(learner, schema, validation))
    head.add(given.layers, given.targets)
    head.resolve()
    if learner.ledger is not None:
        enter(learner, validation, given)


@dataclass(frozen=True)
class _Course:
    """One fine-tuning: who learns, from what, and how."""

    learner: Learner
    schema: Schema
    learned: Split
    chosen: Split
    options: FinetuneOptions
    seed: int
    reporter: Reporter

    @property
    def metric(self) -> str:
        """What epochs and penalties are chosen by."""
        return self.options.metric or self.learner.task.primary_metric

    def by_gradient(
        self,
        cache: FeatureCache,
        checkpoint: Path | None,
        tracker: Tracker | None,
        watch: Watch | None,
    ) -> Fitted:
        """Train by gradient. Another head stands in for one that is solved afterwards."""
        learner, head = self.learner, self.learner.head
        if self._objective().trains_head and isinstance(head, SolvedHead):
            learner.head = _stand_in(head, self.seed)
        fitted = fit(
            learner,
            self.schema,
            self._with_copies(cache),
            self.chosen,
            self.options,
            seed=self.seed,
            metric=self.metric,
            checkpoint=checkpoint,
            tracker=tracker,
            watch=watch,
            reporter=self.reporter,
        )
        if isinstance(head, SolvedHead):
            learner.head = head
        return fitted

    def calibrated(self, outputs: Sequence[Array], weights: ClassWeights | None) -> dict[str, Any]:
        """What turns outputs into answers, by those of the validation rows."""
        validation, task = self.chosen.examples, self.learner.task
        calibration: dict[str, Any] = {} if weights is None else {"balance": weights.to_json()}
        if len(validation):
            wanted = self.options.target_accuracy
            calibration |= task.calibrate(outputs, validation.targets, self.schema, wanted)
        head = self.learner.head
        if isinstance(head, SolvedHead) and head.pairs is not None:
            calibration |= task.calibrate_pairs(head.pairs)
        about = self.learner, self.schema, validation, self.chosen.source, outputs
        calibration |= scope_of(self.options.scope, *about, calibration, self.reporter)
        return calibration

    def with_views(self, cache: FeatureCache) -> Split:
        """The rows that a head is solved on: pictures with other views of them, where asked for."""
        return self._with_copies(cache) if self.learner.task.modality == "image" else self.learned

    def _with_copies(self, cache: FeatureCache) -> Split:
        """The rows that the loop learns from: with changed copies of them, where asked for."""
        learner, augment = self.learner, self.options.augment
        if augment is None:
            return self.learned
        rows = self.learned.examples
        examples = with_copies(
            learner.task, learner.backbone, self.schema, rows, augment, self.seed
        )
        return Split(examples, feature_source(learner, examples, cache, self.reporter))

    def _objective(self) -> Objective:
        """What the layers are trained for, where it suits the task and the head."""
        head = self.learner.head
        objective = objective_of(self.options.objective)
        reason = objective.permits(self.learner.task)
        if reason is None and objective.head not in (None, head.name):
            reason = f"it trains the head {objective.head!r}, and not {head.name!r}"
        if reason is None and not (objective.trains_head or head.solved):
            reason = f"the head {head.name!r} is not solved, so it would stay untrained"
        if reason is None:
            return objective
        raise JourneymanError(
            f"The objective {objective.name!r} cannot be trained for here.",
            place="finetune.objective",
            expected="an objective that suits the task and the head",
            found=f"{objective.name}: {reason}",
            remedy="leave `objective` out, or use it with one label a row and "
            f"`head: {objective.head or 'prototype'}`",
        )


def _stand_in(head: SolvedHead, seed: int) -> Head:
    kind = HEADS[head.stand_in]
    return kind(kind.Options(), head.shape.of(head.shape.layers[-1:]), seed)


class _Clock:
    """Seconds of each part, by wall clock."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[part] = now - self._last
        self._last = now
