"""Integrated gradients (Sundararajan, Taly and Yan, 2017), of words or of pixels, by captum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from journeyman.explainers.base import EXPLAINERS, Explainer, Weights
from journeyman.explainers.question import Ends, Question

RELATIVE_GAP = 0.05
"""The largest gap that is good enough, as a share of all weights' size."""
EARLY_GAP = 0.02
"""A gap so small that half of the steps are enough: what all of them leave on average."""
ABSOLUTE_GAP = 1e-5
"""A gap that float32 sums leave anyway."""
DOUBLINGS = 2
"""How often the number of steps is doubled at most."""


@EXPLAINERS.register("integrated-gradients")
class IntegratedGradients(Explainer):
    """Gradients along the straight way from a baseline to the row.

    The baseline is the same row with every word or cell blank. The weights sum to the score's
    difference between the two, but for the gap that a finite number of steps leaves. Half of the
    steps come first, which is enough where the score is smooth; they are doubled while the gap is
    too large.
    """

    name = "integrated-gradients"

    def weigh(self, question: Question) -> Weights:
        """Attributions of embeddings or pixels, summed over each word or cell."""
        if not question.units:
            return Weights(np.zeros(0), 0.0)
        ends = question.ends()
        whole = self.options.steps
        best = self._at(question, ends, max(whole // 2, 1))
        if _is_good(best, EARLY_GAP):
            return best
        for steps in (whole << doubling for doubling in range(DOUBLINGS + 1)):
            best = min(best, self._at(question, ends, steps), key=lambda found: found.gap)
            if _is_good(best, RELATIVE_GAP):
                break
        return best

    def _at(self, question: Question, ends: Ends, steps: int) -> Weights:
        units = attributions(question, ends, steps)
        return Weights(units, float(abs(units.sum() - ends.difference)))


def _is_good(found: Weights, share: float) -> bool:
    return found.gap <= max(share * float(np.abs(found.units).sum()), ABSOLUTE_GAP)


def attributions(question: Question, ends: Ends, steps: int) -> NDArray[np.float64]:
    """[U]: what each word or cell adds to the score on the way from the baseline."""
    from captum.attr import IntegratedGradients as Method

    found = Method(question.score_at).attribute(
        ends.points[1:],
        baselines=ends.points[:1],
        n_steps=steps,
        internal_batch_size=question.rows_at_once,
    )
    return question.gathered(found[0].detach())
