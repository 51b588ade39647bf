"""Fine-tuning from prepared rows to a trained learner: the loop, the solved head, calibration."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.errors import JourneymanError
from journeyman.heads.base import HEADS, Head, HeadShape, Layers, SolvedHead, SolveReport
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import IGNORED, Array, Schema, Task
from journeyman.training.augmentations.base import with_copies
from journeyman.training.balance import ClassWeights, class_weights
from journeyman.training.cache import FeatureCache
from journeyman.training.examples import Examples, FeatureSource, Uncached, in_batches
from journeyman.training.learner import Learner
from journeyman.training.loop import Fitted, Split, Watch, fit
from journeyman.training.objectives.base import Objective, objective_of
from journeyman.training.options import FinetuneOptions
from journeyman.training.scratch import scratch
from journeyman.training.trackers import Tracker
from journeyman.tuners.base import TUNERS

SOLVE_ROWS = 32
ANNOUNCED_BYTES = 100_000_000


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

    A solved head on a tuned backbone is trained for by a linear head, whose place it takes.
    """
    weights = None if options.balance is None else class_weights(train, options.balance)
    if weights is not None:
        train, validation = weights.scaled(train), weights.scaled(validation)
    learner = learner or make_learner(task, backbone, schema, options, seed=seed)
    metric = options.metric or task.primary_metric
    clock = _Clock()
    learned = Split(train, feature_source(learner, train, cache, reporter))
    chosen = Split(validation, feature_source(learner, validation, cache, reporter))
    clock.lap("frozen pass")
    fitted, report, head = None, None, learner.head
    if learner.tuner.trains or not head.solved:
        if _objective(task, head, options).trains_head and isinstance(head, SolvedHead):
            learner.head = _linear(head, seed)
        fitted = fit(
            learner,
            schema,
            _augmented(learner, learned, options, seed, cache, reporter),
            chosen,
            options,
            seed=seed,
            metric=metric,
            checkpoint=checkpoint,
            tracker=tracker,
            watch=watch,
            reporter=reporter,
        )
        clock.lap("training")
    if isinstance(head, SolvedHead):
        learner.head = head
        held = solver_rows(learner, chosen)
        report = solve(
            learner, schema, learned, chosen, metric=metric, held=held, reporter=reporter
        )
        clock.lap("solving")
    outputs = learner.outputs(validation, chosen.source)
    calibration: dict[str, Any] = {} if weights is None else {"balance": weights.to_json()}
    if len(validation):
        found = task.calibrate(outputs, validation.targets, schema, options.target_accuracy)
        calibration.update(found)
    if isinstance(head, SolvedHead) and options.refit and len(validation):
        head.add(held, solver_targets(learner, schema, validation))
        head.resolve()
    clock.lap("calibration")
    return Trained(learner, calibration, fitted, report, clock.seconds, outputs)


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
    head.add(solver_rows(learner, chosen), solver_targets(learner, schema, validation))
    head.resolve()


def make_learner(
    task: Task, backbone: Backbone, schema: Schema, options: FinetuneOptions, *, seed: int
) -> Learner:
    """Tuner and head as the options (or the task) have them, untrained, on the backbone."""
    if options.tuner == "auto":
        raise ValueError("a ladder chooses a tuner before a learner is made")
    tuner_options = options.tuner or options_of(TUNERS[task.default_tuner])
    head_options = options.head or options_of(HEADS[task.default_head])
    tuner = TUNERS[tuner_options.name](tuner_options, seed)
    usual = backbone.cut_below(tuner.default_cut(backbone))
    cut = usual if options.cut == "auto" else options.cut
    reason = tuner.permits(backbone, backbone.check_cut(cut))
    if reason is not None:
        raise JourneymanError(
            f"The tuner {tuner.name!r} cannot work at cut {cut}.",
            place="finetune.cut",
            expected="a cut this tuner permits, or auto",
            found=f"{cut}: {reason}",
            remedy="leave `cut` out, or choose another tuner",
        )
    if head_options.name not in task.heads():
        raise JourneymanError(
            f"The task {task.name!r} has no use for the head {head_options.name!r}.",
            place="finetune.head",
            expected=" | ".join(task.heads()),
            found=head_options.name,
            remedy="leave `head` out, or choose one of these",
        )
    reason = HEADS[head_options.name].permits(backbone)
    if reason is not None:
        raise JourneymanError(
            f"The head {head_options.name!r} cannot stand on this backbone.",
            place="finetune.head",
            expected="a head that suits the backbone and its options",
            found=f"{head_options.name}: {reason}",
            remedy="leave `head` out, or choose another head",
        )
    depth = backbone.spec.depth
    shape = HeadShape(
        backbone.spec.width,
        tuple(range(1, depth + 1)) if task.unit == "row" else (depth,),
        task.outputs(schema),
        task.unit,
    )
    head = HEADS[head_options.name](head_options, shape, seed)
    head.begin(backbone, schema.labels)
    if options.dropout is not None and tuner.trains:
        backbone = backbone.dropping(options.dropout)
    return Learner(task, backbone, tuner, head, cut)


def options_of(entry: Any) -> Any:
    """The default options of a registered tuner or head, carrying its name."""
    defaults = entry.Options()
    object.__setattr__(defaults, "__dict__", {**defaults.__dict__, "name": entry.name})
    return defaults


def feature_source(
    learner: Learner, examples: Examples, cache: FeatureCache, reporter: Reporter = QUIET
) -> FeatureSource:
    """Features at the learner's cut: from the cache, or at cut 0 the rows themselves."""
    if learner.cut == 0:
        return Uncached(learner.backbone, examples.inputs, 0)
    _announce(learner, examples, cache, reporter)
    with reporter.bar("frozen layers", len(examples)) as advance:
        done = 0

        def progress(now: int, _total: int) -> None:
            nonlocal done
            advance(now - done)
            done = now

        return cache.features(
            learner.backbone,
            examples.inputs,
            learner.cut,
            keep_hidden=learner.keep_hidden,
            progress=progress,
        )


def _augmented(
    learner: Learner,
    learned: Split,
    options: FinetuneOptions,
    seed: int,
    cache: FeatureCache,
    reporter: Reporter,
) -> Split:
    """The rows that the loop learns from: with changed copies of them, where that is asked for."""
    if options.augment is None:
        return learned
    examples = with_copies(learner.task, learner.backbone, learned.examples, options.augment, seed)
    return Split(examples, feature_source(learner, examples, cache, reporter))


def _announce(
    learner: Learner, examples: Examples, cache: FeatureCache, reporter: Reporter
) -> None:
    """Say beforehand what the features will take on disk, where that is much."""
    need = cache.planned(
        learner.backbone, examples.inputs, learner.cut, keep_hidden=learner.keep_hidden
    )
    if need >= ANNOUNCED_BYTES:
        reporter.say(
            f"  frozen features of {len(examples):,} rows: at most {need / 1e9:.1f} GB on disk, "
            f"of the {cache.limit_bytes / 1e9:.0f} GB the cache may hold"
        )


def solve(
    learner: Learner,
    schema: Schema,
    train: Split,
    validation: Split,
    *,
    metric: str,
    held: Layers | None = None,
    reporter: Reporter = QUIET,
) -> SolveReport:
    """Solve the learner's head on its features of the training rows.

    `held` are the features of the validation rows, where they are at hand already. Where there are
    no such rows, the training rows stand in for them: then penalties are chosen by leave-one-out,
    whatever the features have seen.
    """
    judged = bool(len(validation.examples))
    validation = validation if judged else train
    rows = solver_rows(learner, train)
    if not judged:
        held = rows
    head = learner.head
    if not isinstance(head, SolvedHead):
        raise TypeError(f"the head {head.name!r} is not solved")
    task = learner.task

    def score(outputs: Tensor) -> float:
        rows = list(outputs.numpy())
        if task.unit == "token":
            rows = _by_text(task, outputs, validation.examples)
        return task.score(rows, validation.examples.targets, schema, metric)

    reporter.say("  solving the head")
    return head.solve(
        rows,
        solver_targets(learner, schema, train.examples),
        held if held is not None else solver_rows(learner, validation),
        score,
        leave_one_out=not (learner.tuner.trains and judged),
    )


def solver_targets(learner: Learner, schema: Schema, examples: Examples) -> Tensor:
    """[N, C] targets of rows, or [M, C] of the words of all rows in turn."""
    if examples.encoded is None:
        raise ValueError("solving needs encoded targets")
    return learner.task.matrix(examples.encoded, schema)


def exam_tensors(
    learner: Learner, schema: Schema, examples: Examples, source: FeatureSource
) -> dict[str, Tensor]:
    """Features (half precision) and targets of the exam rows, as a later update needs them."""
    if not len(examples):
        return {}
    layers = solver_rows(learner, Split(examples, source))
    tensors = {f"layer/{layer}": rows.half() for layer, rows in layers.items()}
    return {**tensors, "targets": solver_targets(learner, schema, examples)}


@torch.no_grad()
def solver_rows(learner: Learner, split: Split) -> Layers:
    """Features that a solved head reads, tuned layers included: pooled rows, or words.

    Many of them are mapped from disk.
    """
    whole = learner.task.unit == "row"
    starts = _starts(split.examples, whole)
    out: dict[int, Tensor] = {}
    learner.train(False)
    for indices, features in in_batches(split.source, SOLVE_ROWS):
        tuned = learner.backbone.tuned(features, learner.cut).to(torch.device("cpu"))
        if whole:
            for layer, vectors in tuned.pooled.items():
                if layer not in out:
                    out[layer] = scratch(len(split.examples), vectors.shape[1])
                out[layer][torch.from_numpy(indices)] = vectors
            continue
        layer = learner.backbone.spec.depth
        for i, words in zip(indices, _words(tuned.hidden, split.examples, indices), strict=True):
            if layer not in out:
                out[layer] = scratch(int(starts[-1]), words.shape[1])
            out[layer][starts[i] : starts[i + 1]] = words
    return out


def _starts(examples: Examples, whole: bool) -> NDArray[np.int64]:
    """Where each row's words start among the words of all."""
    if whole or examples.encoded is None:
        return np.arange(len(examples) + 1)
    counts = [int((row != IGNORED).sum()) for row in examples.encoded.rows]
    return np.cumsum([0, *counts])


def _words(hidden: Tensor | None, examples: Examples, indices: Any) -> list[Tensor]:
    if hidden is None or examples.encoded is None:
        raise ValueError("words need hidden states and encoded targets")
    rows = examples.encoded.rows
    return [hidden[at][: len(rows[i])][rows[i] != IGNORED] for at, i in enumerate(indices)]


def _by_text(task: Task, outputs: Tensor, examples: Examples) -> list[Any]:
    """Outputs [M, C] of all words in turn, as one array a text: put back where tokens stand."""
    if examples.encoded is None:
        raise ValueError("words need encoded targets")
    rows: list[Any] = []
    at = 0
    for i, targets in enumerate(examples.encoded.rows):
        places = torch.nonzero(targets != IGNORED).flatten()
        tokens = torch.zeros(1, len(targets), outputs.shape[1])
        tokens[0, places] = outputs[at : at + len(places)]
        rows += task.split_outputs(tokens, examples.inputs.select([i]), [examples.texts[i]])
        at += len(places)
    return rows


def _objective(task: Task, head: Head, options: FinetuneOptions) -> Objective:
    """What the layers are trained for, where it suits the task and the head."""
    objective = objective_of(options.objective)
    reason = objective.permits(task)
    if reason is None and not (objective.trains_head or head.solved):
        reason = f"the head {head.name!r} is not solved, so it would stay untrained"
    if reason is None:
        return objective
    raise JourneymanError(
        f"The objective {objective.name!r} cannot be trained for here.",
        place="finetune.objective",
        expected="an objective that suits the task and the head",
        found=f"{objective.name}: {reason}",
        remedy="leave `objective` out, or use it with one label a row and `head: prototype`",
    )


def _linear(head: Head, seed: int) -> Head:
    kind = HEADS["linear"]
    return kind(kind.Options(), replace(head.shape, layers=head.shape.layers[-1:]), seed)


class _Clock:
    """Seconds of each part, by wall clock."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[part] = now - self._last
        self._last = now
