"""Entropy: rows whose probabilities are spread over many labels (Shannon 1948)."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from journeyman.labelling.spread import spread
from journeyman.labelling.strategies.base import STRATEGIES, Strategy
from journeyman.labelling.view import View, required


@STRATEGIES.register("entropy")
class Entropy(Strategy):
    """The largest entropies, spread over rows that are unlike each other."""

    name = "entropy"
    purpose = "rows that could be many labels"
    needs = ("chances",)

    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """By entropy, spread over clusters."""
        chances = required(view.chances, "chances")
        return spread(entr(chances).sum(axis=1), view.vectors, count, random)
