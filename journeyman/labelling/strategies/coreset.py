"""Core-set: the row that is farthest from every labelled one (Sener and Savarese 2018)."""

from __future__ import annotations

import numpy as np

from journeyman.labelling.strategies.base import STRATEGIES, Strategy
from journeyman.labelling.view import View, nearest


@STRATEGIES.register("coreset")
class Coreset(Strategy):
    """Greedy k-centre on frozen features: needs no answer of the model, only what it has learned.

    Where nothing is labelled yet, the first row is the one nearest to the middle of the pool.
    """

    name = "coreset"
    purpose = "rows far from all that are labelled"

    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """Each row in turn the one whose nearest labelled or chosen row is farthest."""
        cosines = nearest(view.vectors, view.known)
        chosen: list[int] = []
        if not len(view.known):
            chosen.append(int((view.vectors @ view.vectors.mean(axis=0)).argmax()))
            cosines = view.vectors @ view.vectors[chosen[0]]
        while len(chosen) < min(count, len(view)):
            cosines[chosen[-1:]] = np.inf
            chosen.append(int(cosines.argmin()))
            np.maximum(cosines, view.vectors @ view.vectors[chosen[-1]], out=cosines)
        return chosen
