"""Disagreement: rows that heads on other parts of the labels answer otherwise."""

from __future__ import annotations

import numpy as np

from journeyman.labelling.spread import spread
from journeyman.labelling.strategies.base import STRATEGIES, Strategy
from journeyman.labelling.view import View, required

LEAST = 1e-12


@STRATEGIES.register("disagreement")
class Disagreement(Strategy):
    """The mean divergence of the members of a committee from their mean (McCallum and Nigam 1998),
    spread over rows that are unlike each other."""

    name = "disagreement"
    purpose = "rows that heads on other parts of the labels answer otherwise"
    needs = ("committee",)

    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """By divergence, spread over clusters."""
        committee = required(view.committee, "committee")
        held = np.maximum(committee(), LEAST)
        mean = held.mean(axis=0)
        apart = (held * np.log(held / mean)).sum(axis=2).mean(axis=0)
        return spread(apart, view.vectors, count, random)
