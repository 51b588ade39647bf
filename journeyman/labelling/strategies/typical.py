"""TypiClust: typical rows of clusters without a label (Hacohen, Dekel and Weinshall 2022)."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from journeyman.labelling.strategies.base import STRATEGIES, Strategy
from journeyman.labelling.view import Vectors, View

MOST_CLUSTERS = 500
NEIGHBOURS = 20
SMALLEST = 5
"""Rows of a cluster from which it is taken for one."""


@STRATEGIES.register("typical")
class Typical(Strategy):
    """As many clusters as rows are labelled and wanted; of the largest without a label, the row
    that is nearest to its neighbours. Made for the very start, when answers say little."""

    name = "typical"
    purpose = "typical rows of each cluster without a label, for the very start"

    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """A row of each cluster in turn: those with the fewest labels first, the larger first."""
        everything = np.concatenate([view.vectors, view.known])
        number = min(len(view.known) + count, MOST_CLUSTERS, len(everything))
        made = KMeans(number, n_init=1, max_iter=20, random_state=int(random.integers(2**31)))
        with warnings.catch_warnings():  # Rows that are alike leave clusters empty.
            warnings.simplefilter("ignore", ConvergenceWarning)
            cluster = made.fit_predict(everything)
        own, labelled = cluster[: len(view)], cluster[len(view) :]
        labels = np.bincount(labelled, minlength=number)
        rows = [np.flatnonzero(own == at) for at in range(number)]
        chosen: list[int] = []
        while len(chosen) < min(count, len(view)):
            able = [at for at in range(number) if len(rows[at])]
            at = min(
                able, key=lambda at: (len(rows[at]) < SMALLEST, labels[at], -len(rows[at]), at)
            )
            best = int(rows[at][_typicality(view.vectors[rows[at]]).argmax()])
            chosen.append(best)
            rows[at] = rows[at][rows[at] != best]
            labels[at] += 1
        return chosen


def _typicality(vectors: Vectors) -> NDArray[np.float32]:
    """[n]: the mean cosine of each row with its nearest in the cluster."""
    near = min(NEIGHBOURS + 1, len(vectors))
    cosines = np.sort(vectors @ vectors.T, axis=1)[:, -near:]
    found: NDArray[np.float32] = cosines.mean(axis=1)
    return found
