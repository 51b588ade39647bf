"""Whether the words or cells that weigh most are those the model needs: the deletion test.

DeYoung et al. (2020), "ERASER", call it comprehensiveness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from journeyman.backbones.modes import evaluating
from journeyman.evaluation.intervals import mean_metric
from journeyman.explainers.question import Question
from journeyman.section import Figure
from journeyman.types import Explanation, Metric

SHARE = 0.2
"""Share of a row's words or cells that are taken away."""
DRAWS = 8
"""Random sets of as many words that are taken away for comparison."""


@dataclass(frozen=True)
class Faithfulness:
    """Mean loss of the explained score when words are taken away, and the paired difference.

    `weighted`: the words with the largest weights; `random`: as many drawn at random.
    """

    weighted: Metric
    random: Metric
    difference: Metric

    def figures(self, units: str = "words") -> tuple[Figure, ...]:
        """The three numbers for the report; `units` says what was taken away."""
        note = f"without {SHARE:.0%} of them"
        parts = (
            (f"score lost without the weightiest {units}", self.weighted),
            (f"score lost without random {units}", self.random),
            ("difference", self.difference),
        )
        return tuple(
            Figure(name=name, value=m.value, low=m.low, high=m.high, n=m.n, note=note)
            for name, m in parts
        )


def deletion_test(
    questions: Sequence[Question], explanations: Sequence[Explanation], *, seed: int = 0
) -> Faithfulness:
    """Take away the weightiest units, and random ones, of every row of two words or cells or more.

    `explanations` answer `questions`, one each; see `Question.without`. The
    figures speak for the rows that were asked about: ask about rows drawn at random.
    """
    random = np.random.default_rng(seed)
    weighted, drawn = [], []
    for question, explanation in zip(questions, explanations, strict=True):
        weights = np.array(explanation.weights)
        if len(weights) < 2:
            continue
        count = math.ceil(SHARE * len(weights))
        sets = [np.argsort(-weights, kind="stable")[:count]]
        sets += [random.choice(len(weights), count, replace=False) for _ in range(DRAWS)]
        losses = _losses(question, [[int(word) for word in chosen] for chosen in sets])
        weighted.append(losses[0])
        drawn.append(float(np.mean(losses[1:])))
    differences = [a - b for a, b in zip(weighted, drawn, strict=True)]
    return Faithfulness(mean_metric(weighted), mean_metric(drawn), mean_metric(differences))


def _losses(question: Question, sets: Sequence[Sequence[int]]) -> list[float]:
    variants = [question.whole, *(question.without(units) for units in sets)]
    learner = question.learner
    with evaluating(learner.backbone.module), evaluating(learner.head):
        scores = question.scores(variants)
    return [float(scores[0] - score) for score in scores[1:]]
