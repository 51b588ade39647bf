"""Answers to the rows of an audit, each by kernel ridge regression that has not learned it.

Shapes: N rows, C outputs.
"""

from __future__ import annotations

import numpy as np
import torch

from journeyman.audits.base import Subject
from journeyman.training.frozen_rows import FrozenRows, frozen_rows
from journeyman.training.label_cleaning import Chances, folds_of, held_outputs

FEWEST = 3
"""Rows of a label from which it can be judged: of fewer, some fold has none to learn from."""


def rows_of(subject: Subject) -> FrozenRows:
    """The rows on frozen layers, with the layers and the penalty that answer best."""
    return frozen_rows(
        subject.task, subject.backbone, subject.schema, [subject.examples],
        seed=subject.seed, cache=subject.cache, reporter=subject.reporter,
    )  # fmt: skip


def answers(
    frozen: FrozenRows,
    folds: int,
    seed: int,
    weights: Chances | None = None,
    share: float = 1.0,
) -> Chances:
    """Held-out outputs [N, C] of all rows; each counts by its weight [N] in what is learned, under
    a `share` of the penalty."""
    outputs = np.zeros(frozen.targets.shape)
    for part, left in frozen.parts(seed):
        left = left.at(share * left.alpha)
        if weights is not None:
            left = left.weighed(torch.from_numpy(weights[part]))
        targets = frozen.targets[torch.from_numpy(part)]
        outputs[part] = held_outputs(left, targets, folds_of(len(part), folds, seed))
    return outputs
