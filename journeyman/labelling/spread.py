"""A batch of what scores highest that is not one question ten times."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from journeyman.labelling.view import Numbers, Vectors

REACH = 10
"""How many times as many rows as are wanted a batch is spread over."""
ROUNDS = 20


def spread(scores: Numbers, vectors: Vectors, count: int, random: np.random.Generator) -> list[int]:
    """Up to `count` rows of high scores [N] that lie apart, the highest first.

    Of the highest scores, `REACH` times as many as are wanted, in as many clusters as are wanted,
    each row weighing as its score; of each cluster the row nearest to its middle (Zhdanov 2019,
    diverse mini-batch active learning). So a row stands for others like it, and outliers, which
    are always in doubt, seldom come first.
    """
    order = np.argsort(-scores, kind="stable")[: REACH * count]
    if len(order) <= count:
        return [int(at) for at in order]
    weights = np.maximum(scores[order], 0.0) + 1e-9
    seed = int(random.integers(2**31))
    made = KMeans(count, n_init=1, max_iter=ROUNDS, random_state=seed)
    with warnings.catch_warnings():  # Rows that are alike leave clusters empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        distances = made.fit(vectors[order], sample_weight=weights).transform(vectors[order])
    own = distances[np.arange(len(order)), made.labels_]
    middles: dict[int, int] = {}
    for at in np.argsort(own, kind="stable").tolist():
        middles.setdefault(int(made.labels_[at]), at)
    return [int(order[at]) for at in sorted(middles.values())]
