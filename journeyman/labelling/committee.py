"""A committee of heads that have each learned a part of what the model has.

Query by bagging (Abe and Mamitsuka 1998): where heads that saw other resamples of the same labels
disagree, a label would teach most. Shapes: N rows, M learned rows, D width, C classes, K members.
"""

from __future__ import annotations

import numpy as np

from journeyman.evaluation.calibration import probabilities
from journeyman.labelling.view import Numbers, Vectors

MEMBERS = 8
PENALTY = 0.03
"""Of each member's ridge regression, relative to the mean of its kernel's diagonal."""
SHARPNESS = 0.1
"""Temperature at which shares of classes become probabilities."""


def committee(vectors: Vectors, known: Vectors, targets: Numbers, seed: int) -> Numbers:
    """[K, N, C]: what each of K heads holds probable of rows [N, D].

    Each is a ridge regression on a resample of the learned rows [M, D] and `targets` [M, C], with
    the ReLU kernel's nearest relative that is cheap: the square of one plus the cosine.
    """
    random = np.random.default_rng(seed)
    found = np.zeros((MEMBERS, len(vectors), targets.shape[1]))
    for member in range(MEMBERS):
        drawn = np.unique(random.integers(len(known), size=len(known)))
        mean = targets[drawn].mean(axis=0)
        own = _kernel(known[drawn], known[drawn])
        own[np.diag_indices(len(drawn))] += PENALTY * float(own.diagonal().mean())
        weight = np.linalg.solve(own, targets[drawn] - mean)
        outputs = _kernel(vectors, known[drawn]) @ weight + mean
        found[member] = probabilities(outputs, SHARPNESS)
    return found


def _kernel(vectors: Vectors, others: Vectors) -> Numbers:
    squared: Numbers = np.square((vectors @ others.T).astype(np.float64) + 1.0)
    return squared
