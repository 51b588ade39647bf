"""Integrated gradients of words (Sundararajan, Taly and Yan, 2017), by captum."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.explainers.base import EXPLAINERS, Explainer, Weights
from journeyman.explainers.question import Question

RELATIVE_GAP = 0.05
"""The largest gap that is good enough, as a share of all weights' size."""
ABSOLUTE_GAP = 1e-5
"""A gap that float32 sums leave anyway."""
DOUBLINGS = 2
"""How often the number of steps is doubled at most."""


@EXPLAINERS.register("integrated-gradients")
class IntegratedGradients(Explainer):
    """Gradients along the straight way from the baseline's embeddings to the text's.

    The baseline is the same text with every word blank (see `Blank`), special tokens kept. The
    weights sum to the score's difference between the two, but for the gap that a finite
    number of steps leaves; steps are doubled while it is too large.
    """

    name = "integrated-gradients"

    def weigh(self, question: Question) -> Weights:
        """Attributions of the embeddings, summed over width and over each word's tokens."""
        passage = question.passage
        if not passage.words:
            return Weights(np.zeros(0), 0.0)
        ends = question.scores([passage.rows([passage.baseline]), passage.rows([passage.ids])])
        steps = self.options.steps
        best = self._at(question, ends, steps)
        for _ in range(DOUBLINGS):
            if best.gap <= max(RELATIVE_GAP * float(np.abs(best.words).sum()), ABSOLUTE_GAP):
                break
            steps *= 2
            best = min(best, self._at(question, ends, steps), key=lambda found: found.gap)
        return best

    def _at(self, question: Question, ends: NDArray[np.float64], steps: int) -> Weights:
        words = question.passage.shares @ attributions(question, steps)
        return Weights(words, float(abs(words.sum() - (ends[1] - ends[0]))))


def attributions(question: Question, steps: int) -> NDArray[np.float64]:
    """[T]: what each token adds to the score on the way from the baseline."""
    from captum.attr import LayerIntegratedGradients

    passage = question.passage

    def forward(ids: Tensor) -> Tensor:
        return question.score(passage.rows(list(ids.numpy())))

    method = LayerIntegratedGradients(forward, question.learner.backbone.embedding_module())
    found = method.attribute(
        torch.from_numpy(passage.ids)[None],
        baselines=torch.from_numpy(passage.baseline)[None],
        n_steps=steps,
        internal_batch_size=question.rows_at_once,
    )
    summed: NDArray[np.float64] = found[0].detach().double().sum(-1).numpy()
    return summed
