"""Pretraining from a corpus to a backbone: the one loop, over a method's losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text
from journeyman.errors import JourneymanError
from journeyman.heads.base import SolvedHead
from journeyman.pretraining.corpus import Corpus
from journeyman.pretraining.learner import LIKELIHOOD, PretrainLearner
from journeyman.pretraining.methods.base import METHODS, MethodOptions
from journeyman.pretraining.options import PretrainOptions
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Encoded, Schema, Task
from journeyman.training.assembly import make_learner, options_of
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.loop import Fitted, Split, fit
from journeyman.training.options import FinetuneOptions
from journeyman.training.solving import solve
from journeyman.training.trackers import Tracker
from journeyman.tuners.base import TUNERS, size_of

TUNER = "full"
MEASURED_BY = "ridge"
MEASURED_ROWS = 10_000
"""Training rows, and validation rows, that measure a backbone at most."""


@dataclass(frozen=True)
class Pretrained:
    """A backbone with other weights above the `cut`, and how it came about."""

    backbone: Backbone
    cut: int
    fitted: Fitted
    parameters: int


def pretrain(
    backbone: Backbone,
    folder: Path,
    corpus: Corpus,
    options: PretrainOptions,
    *,
    seed: int,
    cache: FeatureCache,
    checkpoint: Path | None = None,
    tracker: Tracker | None = None,
    reporter: Reporter = QUIET,
) -> Pretrained:
    """Train the layers above the cut on the corpus; the best epoch on held-out texts is kept.

    `folder` holds the backbone's checkpoint. The backbone given stays as it is.
    """
    method = METHODS[options.method_name](cast(MethodOptions, options.method), seed)
    cut = _cut(backbone, options)
    tuner = TUNERS[TUNER](options_of(TUNERS[TUNER]), seed)
    learner = PretrainLearner(method, backbone, tuner, cut, folder)
    splits = []
    for texts, held in ((corpus.texts, False), (corpus.held, True)):
        examples = _examples(backbone, texts)
        source = method.source(learner.backbone, examples, cut, cache, held=held)
        splits.append(Split(examples, source))
    fitted = fit(
        learner,
        Schema(),
        splits[0],
        splits[1],
        options.loop(),
        seed=seed,
        metric=LIKELIHOOD,
        checkpoint=checkpoint,
        tracker=tracker,
        reporter=reporter,
    )
    return Pretrained(learner.backbone, cut, fitted, size_of(learner.parameters().values()))


def _examples(backbone: Backbone, texts: Sequence[Text]) -> Examples:
    nothing = Encoded(torch.zeros(len(texts), 1))
    return Examples(texts, backbone.prepare(texts), [None] * len(texts), nothing)


def _cut(backbone: Backbone, options: PretrainOptions) -> int:
    depth = backbone.spec.depth
    if options.cut == "auto":
        return backbone.cut_below(depth // 3)
    if backbone.check_cut(options.cut) < depth:
        return options.cut
    raise JourneymanError(
        "The cut leaves no layer to pretrain.",
        place="pretrain.cut",
        expected=f"a cut below the depth of {backbone.spec.name}, {depth}, or auto",
        found=str(options.cut),
        remedy="lower pretrain.cut, or leave it out",
    )


def downstream(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    train: Examples,
    validation: Examples,
    *,
    seed: int,
    metric: str,
    cache: FeatureCache,
    reporter: Reporter = QUIET,
) -> float | None:
    """What the backbone is worth to the task: validation score of a ridge head on frozen features.

    The penalty is chosen by leave-one-out on training rows. Of many rows a sample drawn by `seed`
    tells as much. None for a task without such a head.
    """
    if MEASURED_BY not in task.heads():
        return None
    options = FinetuneOptions(tuner="none", head=MEASURED_BY)
    learner = make_learner(task, backbone, schema, options, seed=seed)
    learned, chosen = (
        Split(rows, feature_source(learner, rows, cache, reporter))
        for rows in (_sampled(train, seed), _sampled(validation, seed))
    )
    if not isinstance(learner.head, SolvedHead):
        return None
    _, outputs = solve(learner, schema, learned, chosen, metric=metric, reporter=reporter)
    return task.score(outputs, chosen.examples.targets, schema, metric)


def _sampled(rows: Examples, seed: int) -> Examples:
    if len(rows) <= MEASURED_ROWS:
        return rows
    which = np.random.default_rng(seed).permutation(len(rows))[:MEASURED_ROWS]
    return rows.select(np.sort(which))
