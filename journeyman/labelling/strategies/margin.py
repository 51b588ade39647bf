"""Margin: rows whose two likeliest labels are nearly as likely (Scheffer et al. 2001)."""

from __future__ import annotations

import numpy as np

from journeyman.labelling.spread import spread
from journeyman.labelling.strategies.base import STRATEGIES, Strategy
from journeyman.labelling.view import View, required


@STRATEGIES.register("margin")
class Margin(Strategy):
    """The largest doubts, spread over rows that are unlike each other.

    The doubt of a row with one label is one less the margin; how that of words, boxes and several
    labels is made, `labelling.doubt` says.
    """

    name = "margin"
    purpose = "rows between two labels"
    needs = ("doubts",)

    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """By doubt, spread over clusters."""
        return spread(required(view.doubts, "doubts"), view.vectors, count, random)
