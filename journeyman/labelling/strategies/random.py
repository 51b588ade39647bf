"""Rows at random: what every other strategy is measured against."""

from __future__ import annotations

import numpy as np

from journeyman.labelling.strategies.base import STRATEGIES, Strategy
from journeyman.labelling.view import View


@STRATEGIES.register("random")
class Random(Strategy):
    """Each row with the same chance."""

    name = "random"
    purpose = "rows at random"

    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """The first of a permutation."""
        return [int(at) for at in random.permutation(len(view))[:count]]
