"""Least confident: rows whose likeliest label is not likely (Lewis and Gale 1994)."""

from __future__ import annotations

import numpy as np

from journeyman.labelling.spread import spread
from journeyman.labelling.strategies.base import STRATEGIES, Strategy
from journeyman.labelling.view import View, required


@STRATEGIES.register("least-confident")
class LeastConfident(Strategy):
    """The smallest of the largest probabilities, spread over rows that are unlike each other."""

    name = "least-confident"
    purpose = "rows whose likeliest label is not likely"
    needs = ("chances",)

    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """By one less the probability, spread over clusters."""
        chances = required(view.chances, "chances")
        return spread(1.0 - chances.max(axis=1), view.vectors, count, random)
