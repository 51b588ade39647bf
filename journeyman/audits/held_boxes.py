"""Boxes found in every picture of an audit, by a detector that has not learned the picture.

The backbone stays frozen, and the views of each picture are drawn once for all folds, so the maps
of all are computed once; what is trained for each fold is the anchor-free head alone, for a short
while. Shapes: N pictures.
"""

from __future__ import annotations

import math

import numpy as np

from journeyman.audits.base import Subject
from journeyman.tasks.base import Array, Outputs
from journeyman.training.augmentations.base import AugmentOptions, with_copies
from journeyman.training.feature_source import feature_source
from journeyman.training.label_cleaning import folds_of
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune

FOLDS = 3
"""Parts that are answered in turn: each costs a training."""
VIEWS = AugmentOptions(kinds=("zoom", "colour"), copies=1)
"""What is learned from beside each picture."""
SHOWN = 2400
"""Pictures, views included, that each training goes through about."""
FEWEST, MOST = 3, 40
"""Passes over the pictures."""


def held_boxes(subject: Subject) -> Outputs:
    """What was found in each picture, [K, 6] as the task gives it out."""
    count, rows = len(subject), subject.examples
    found: dict[int, Array] = {}
    parts = folds_of(count, FOLDS, subject.seed)
    how = subject.task, subject.backbone, subject.schema
    viewed = with_copies(*how, rows, VIEWS, subject.seed)
    for turn, held in enumerate(parts, 1):
        subject.reporter.say(f"  finding boxes, {turn} of {len(parts)}")
        places = np.arange(len(viewed))
        learned = viewed.select(places[~np.isin(places % count, held)])
        trained = finetune(
            *how, learned, rows.select(held[:0]), options_of(len(learned)),
            seed=subject.seed, cache=subject.cache, reporter=subject.reporter,
        )  # fmt: skip
        answered = rows.select(held)
        source = feature_source(trained.learner, answered, subject.cache)
        for at, row in zip(held.tolist(), trained.learner.outputs(answered, source), strict=True):
            found[at] = row
    return [found[at] for at in range(count)]


def options_of(pictures: int) -> FinetuneOptions:
    """How a detector is trained on so many pictures and views."""
    epochs = min(max(math.ceil(SHOWN / pictures), FEWEST), MOST)
    return FinetuneOptions.model_validate(
        {
            "tuner": "none", "head": "anchor-free", "head_learning_rate": 5e-3,
            "weight_decay": 0.05, "warmup": 0.1, "schedule": "cosine", "clip": 10.0,
            "batch_size": 16, "patience": 0, "epochs": epochs,
        }
    )  # fmt: skip
