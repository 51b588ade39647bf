"""A step's rows in parts: one after another where memory is short, or shared between processes.

The gradient of a step is that of one mean over all its rows. A part's own mean therefore counts
by its share of what the mean is over: rows, or words, or their class weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from journeyman.tasks.base import IGNORED, Encoded

Indices = NDArray[np.int64]


def parts_of(batch: Indices, size: int, rank: int = 0, processes: int = 1) -> Iterator[Indices]:
    """The rows of `batch` that fall to process `rank`, at most `size` / `processes` at a time.

    Each process takes every so-manieth row: a batch is sorted by length, so all have like work.
    Of a short batch a process may get nothing.
    """
    own, most = batch[rank::processes], math.ceil(size / processes)
    for at in range(0, len(own), most):
        yield own[at : at + most]


def mass(encoded: Encoded, rows: Indices, weights: Tensor | None) -> float:
    """What the task's mean over `rows` divides by, up to a factor that all rows share."""
    if not len(rows):
        return 0.0
    targets = encoded.batch(rows)
    if targets.is_floating_point():
        return float(len(targets))
    kept = targets[targets != IGNORED]
    return float(len(kept)) if weights is None else float(weights.double()[kept].sum())
