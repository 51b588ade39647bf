"""Leave one word out (Li, Monroe and Jurafsky, 2016), or one cell (Zeiler and Fergus, 2014)."""

from __future__ import annotations

import numpy as np

from journeyman.explainers.base import EXPLAINERS, Explainer, Weights
from journeyman.explainers.question import Question


@EXPLAINERS.register("occlusion")
class Occlusion(Explainer):
    """The weight of a word or cell is the score lost when it alone is blank.

    Words that say the same thing twice each weigh little, so the weights need not sum to the
    difference between row and baseline; the gap tells by how much they do not.
    """

    name = "occlusion"

    def weigh(self, question: Question) -> Weights:
        """One forward a word or cell, in batches."""
        count = question.units
        if not count:
            return Weights(np.zeros(0), 0.0)
        sets = [[], list(range(count)), *([at] for at in range(count))]
        size = question.rows_at_once
        batches = [sets[at : at + size] for at in range(0, len(sets), size)]
        scores = question.scores([question.hidden(batch) for batch in batches])
        units = scores[0] - scores[2:]
        return Weights(units, float(abs(units.sum() - (scores[0] - scores[1]))))
