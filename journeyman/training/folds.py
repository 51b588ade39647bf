"""Validation by cross-validation on the labelled rows: for few labels, of which none can be spared.

Every row is answered once by a learner that has not seen it; those answers choose and calibrate.
Then one learner is made of all rows, trained for as long as was best on the folds. The frozen pass
is shared by all of them.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array, Schema, Task
from journeyman.training.batches import Indices
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.loop import Watch
from journeyman.training.options import FinetuneOptions
from journeyman.training.scoping import drawn_by
from journeyman.training.trainer import Trained, finetune

USUAL = 4
"""Folds where the recipe leaves the choice."""
More = Callable[[int, Examples], Examples]
"""What is learned from in place of a part's rows; parts are the folds, and then all rows."""
After = Callable[[int, Trained], None]
FEW = 64
"""Rows of a class on average below which labels are few."""


def folds_of(said: int | str, schema: Schema, *, climbs: bool, compares: bool = False) -> int:
    """How many folds: as said, else a few where a ladder is climbed on few labels; 0 for none.

    Where a task `compares` rows there are none: vectors of two models are not alike.
    """
    if isinstance(said, int):
        return said
    if compares:
        return 0
    counts = schema.counts
    return USUAL if climbs and counts and sum(counts) < FEW * len(counts) else 0


def assign(examples: Examples, folds: int, seed: int) -> Indices:
    """Each row's fold; every class of single labels is spread over all."""
    order = np.random.default_rng(seed).permutation(len(examples))
    encoded = examples.encoded
    if encoded is not None and isinstance(encoded.rows, Tensor) and encoded.rows.shape[1] > 1:
        labels = encoded.rows.argmax(1).numpy()
        order = order[np.argsort(labels[order], kind="stable")]
    placed = np.empty(len(examples), dtype=np.int64)
    placed[order] = np.arange(len(examples)) % folds
    return placed


def crossed(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    train: Examples,
    judged: int,
    options: FinetuneOptions,
    *,
    folds: int,
    seed: int,
    cache: FeatureCache,
    reporter: Reporter = QUIET,
    more: More | None = None,
    after: After | None = None,
) -> Trained:
    """What fine-tuning makes of all rows of `train`, chosen by cross-validation.

    The first `judged` rows are answered out of fold, and those answers are the `outputs`; the rest
    (descriptions of labels) are always learned from. `more` may add rows to those that are learned
    from, and `after` is told what came of them: of each fold in turn, and of all rows last.
    """

    def learn(at: int, which: Indices, held: Indices, watch: Watch | None = None) -> Trained:
        learned, chosen = train.select(which), train.select(held)
        if more is not None:
            learned = more(at, learned)
        how = {"seed": seed, "cache": cache, "reporter": reporter, "watch": watch}
        found = finetune(task, backbone, schema, learned, chosen, options, **how)  # type: ignore[arg-type]
        if after is not None:
            after(at, found)
        return found

    rest = np.full(len(train) - judged, -1)
    every = np.arange(len(train))
    placed = np.append(assign(train.select(every[:judged]), min(folds, judged), seed), rest)
    outputs: list[Array] = [np.zeros(0, dtype=np.float32)] * judged
    parts: list[Trained] = []
    count = min(folds, judged)
    for fold in range(count):
        held = np.flatnonzero(placed == fold)
        parts.append(learn(fold, np.flatnonzero(placed != fold), held))
        for at, row in zip(held, parts[-1].outputs, strict=True):
            outputs[at] = row
    best = [part.fitted.best_epoch for part in parts if part.fitted]
    last = round(statistics.mean(best)) if best else 0
    whole = learn(count, every, every[:0], (lambda epoch, _: epoch >= last) if best else None)
    known = train.select(every[:judged])
    calibration = task.calibrate(outputs, known.targets, schema, options.target_accuracy)
    if "scope" not in whole.calibration:
        source = feature_source(whole.learner, known, cache, reporter)
        about = whole.learner, schema, known, source, outputs
        calibration |= drawn_by(options.scope, *about, calibration, reporter)
    seconds: dict[str, float] = {}
    for part in (*parts, whole):
        for name, value in part.seconds.items():
            seconds[name] = seconds.get(name, 0.0) + value
    calibration = {**whole.calibration, **calibration}
    return replace(whole, outputs=outputs, calibration=calibration, seconds=seconds)
