"""Leave one word out (Li, Monroe and Jurafsky, 2016)."""

from __future__ import annotations

import numpy as np

from journeyman.explainers.base import EXPLAINERS, Explainer, Weights
from journeyman.explainers.question import Question


@EXPLAINERS.register("occlusion")
class Occlusion(Explainer):
    """A word's weight is the score lost when it alone is blank.

    Words that say the same thing twice each weigh little, so the weights need not sum to the
    difference between text and baseline; the gap tells by how much they do not.
    """

    name = "occlusion"

    def weigh(self, question: Question) -> Weights:
        """One forward a word, in batches."""
        passage = question.passage
        count = len(passage.words)
        if not count:
            return Weights(np.zeros(0), 0.0)
        variants = [passage.ids, passage.baseline, *(passage.hidden([at]) for at in range(count))]
        size = question.rows_at_once
        batches = [variants[at : at + size] for at in range(0, len(variants), size)]
        scores = question.scores([passage.rows(batch) for batch in batches])
        words = scores[0] - scores[2:]
        return Weights(words, float(abs(words.sum() - (scores[0] - scores[1]))))
