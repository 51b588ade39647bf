"""Boxes found in every picture of an audit, by a detector that has not learned the picture.

The backbone stays frozen, so its maps are computed once; what is trained in turn for each fold is
the anchor-free head alone, for a short while. Shapes: N pictures.
"""

from __future__ import annotations

import math

import numpy as np

from journeyman.audits.base import Subject
from journeyman.tasks.base import Outputs
from journeyman.training.feature_source import feature_source
from journeyman.training.label_cleaning import folds_of
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune

FOLDS = 3
"""Parts that are answered in turn: each costs a training."""
VIEWS = 3
"""Views of each picture that are learned from beside itself."""
SHOWN = 6000
"""Pictures, views included, that each training goes through about."""
FEWEST, MOST = 2, 40
"""Passes over the pictures."""


def options_of(pictures: int) -> FinetuneOptions:
    """How a detector is trained on so many pictures."""
    epochs = min(max(math.ceil(SHOWN / (pictures * (VIEWS + 1))), FEWEST), MOST)
    return FinetuneOptions.model_validate(
        {
            "tuner": "none", "head": "anchor-free", "head_learning_rate": 5e-3,
            "weight_decay": 0.05, "warmup": 0.1, "schedule": "cosine", "clip": 10.0,
            "batch_size": 16, "patience": 0, "epochs": epochs,
            "augment": {"kinds": ["zoom", "colour"], "copies": VIEWS},
        }
    )  # fmt: skip


def held_boxes(subject: Subject) -> Outputs:
    """What was found in each picture, [K, 6] as the task gives it out."""
    count, rows = len(subject), subject.examples
    every = np.arange(count)
    found: dict[int, np.ndarray] = {}
    parts = folds_of(count, FOLDS, subject.seed)
    for turn, held in enumerate(parts, 1):
        subject.reporter.say(f"  finding boxes, {turn} of {len(parts)}")
        learned = rows.select(np.setdiff1d(every, held))
        trained = finetune(
            subject.task, subject.backbone, subject.schema, learned, rows.select(every[:0]),
            options_of(len(learned)), seed=subject.seed, cache=subject.cache,
            reporter=subject.reporter,
        )  # fmt: skip
        answered = rows.select(held)
        source = feature_source(trained.learner, answered, subject.cache)
        for at, row in zip(held.tolist(), trained.learner.outputs(answered, source), strict=True):
            found[at] = row
    return [found[at] for at in range(count)]
