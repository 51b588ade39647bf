"""A committee of heads that have each seen a part of the features.

Random subspaces (Ho 1998): where heads on other features disagree, a label would teach most. Heads
on resamples of the labels (query by bagging) disagree most about classes that a resample lacks, of
which there are many as long as labels are few. Shapes: N rows, M learned rows, D width, C classes,
K members.
"""

from __future__ import annotations

import numpy as np

from journeyman.evaluation.calibration import probabilities
from journeyman.labelling.view import Numbers, Vectors

MEMBERS = 5
SHARE = 0.3
"""Of the D features that each member sees."""
PENALTY = 0.03
"""Of each member's ridge regression, relative to the mean of its kernel's diagonal."""
SHARPNESS = 0.1
"""Temperature at which shares of classes become probabilities."""


def committee(vectors: Vectors, known: Vectors, targets: Numbers, seed: int) -> Numbers:
    """[K, N, C]: what each of K heads holds probable of rows [N, D].

    Each is a ridge regression of `targets` [M, C] on some columns of the learned rows [M, D], with
    a cheap relative of the ReLU kernel: the square of one plus the cosine.
    """
    random, width = np.random.default_rng(seed), vectors.shape[1]
    found = np.zeros((MEMBERS, len(vectors), targets.shape[1]))
    mean = targets.mean(axis=0)
    for member in range(MEMBERS):
        columns = np.sort(random.permutation(width)[: max(int(SHARE * width), 1)])
        rows, others = _units(vectors[:, columns]), _units(known[:, columns])
        own = _kernel(others, others)
        own[np.diag_indices(len(own))] += PENALTY * float(own.diagonal().mean())
        outputs = _kernel(rows, others) @ np.linalg.solve(own, targets - mean) + mean
        found[member] = probabilities(outputs, SHARPNESS)
    return found


def _units(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Vectors = vectors / np.maximum(lengths, 1e-12)
    return units


def _kernel(vectors: Vectors, others: Vectors) -> Numbers:
    squared: Numbers = np.square((vectors @ others.T).astype(np.float64) + 1.0)
    return squared
