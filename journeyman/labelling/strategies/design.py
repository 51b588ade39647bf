"""Experimental design: rows whose labels would make the answers to all others surer."""

from __future__ import annotations

import numpy as np

from journeyman.labelling.strategies.base import STRATEGIES, Strategy
from journeyman.labelling.view import View

PRIOR = 3.0
"""Labelled rows that what is believed of any direction beforehand weighs as much as."""


@STRATEGIES.register("design")
class Design(Strategy):
    """The row that lessens the mean variance of ridge regression over the pool most, times doubt.

    Sequential transductive experimental design (Yu, Bi and Tresp 2006) on frozen vectors: how much
    the variance falls by a row does not depend on its label, and follows in closed form. Rows that
    stand for many others come first, and none that repeats them; of these, such as are in doubt.
    """

    name = "design"
    purpose = "rows in doubt that say most about all others, for a solved head"

    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """Each row in turn the one that says most, given those chosen before it."""
        vectors, known = view.vectors.astype(np.float64), view.known.astype(np.float64)
        doubts = np.ones(len(view)) if view.doubts is None else view.doubts + 1e-9
        moment = vectors.T @ vectors / len(vectors)
        prior = PRIOR * np.eye(vectors.shape[1])
        held = np.linalg.solve(known.T @ known + prior, vectors.T).T
        variance = (held * vectors).sum(axis=1)
        shared = ((held @ moment) * held).sum(axis=1)
        chosen: list[int] = []
        for _ in range(min(count, len(view))):
            gain = doubts * shared / (1.0 + variance)
            gain[chosen] = -np.inf
            chosen.append(int(gain.argmax()))
            one = held[chosen[-1]].copy()
            with_one, spread = vectors @ one, moment @ one
            share = with_one / (1.0 + variance[chosen[-1]])
            shared += share * (share * float(one @ spread) - 2.0 * (held @ spread))
            variance -= share * with_one
            held -= np.outer(share, one)
        return chosen
