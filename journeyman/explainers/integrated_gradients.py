"""Integrated gradients of words (Sundararajan, Taly and Yan, 2017), by captum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from journeyman.explainers.base import EXPLAINERS, Explainer, Weights
from journeyman.explainers.question import Question

RELATIVE_GAP = 0.05
"""The largest gap that is good enough, as a share of all weights' size."""
EARLY_GAP = 0.02
"""A gap so small that half of the steps are enough: what all of them leave on average."""
ABSOLUTE_GAP = 1e-5
"""A gap that float32 sums leave anyway."""
DOUBLINGS = 2
"""How often the number of steps is doubled at most."""


@dataclass(frozen=True)
class Ends:
    """The way's two ends, the baseline first: embeddings [2, T, D] and scores [2]."""

    embedded: Tensor
    scores: NDArray[np.float64]

    @property
    def difference(self) -> float:
        """What all words together add."""
        return float(self.scores[1] - self.scores[0])


@EXPLAINERS.register("integrated-gradients")
class IntegratedGradients(Explainer):
    """Gradients along the straight way from the baseline's embeddings to the text's.

    The baseline is the same text with every word blank (see `Blank`), special tokens kept. The
    weights sum to the score's difference between the two, but for the gap that a finite
    number of steps leaves. Half of the steps come first, which is enough where the score is
    smooth; they are doubled while the gap is too large.
    """

    name = "integrated-gradients"

    def weigh(self, question: Question) -> Weights:
        """Attributions of the embeddings, summed over width and over each word's tokens."""
        if not question.passage.words:
            return Weights(np.zeros(0), 0.0)
        ends = ends_of(question)
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
        words = question.passage.shares @ attributions(question, ends, steps)
        return Weights(words, float(abs(words.sum() - ends.difference)))


def _is_good(found: Weights, share: float) -> bool:
    return found.gap <= max(share * float(np.abs(found.words).sum()), ABSOLUTE_GAP)


def ends_of(question: Question) -> Ends:
    """Both ends in one pass."""
    passage = question.passage
    seen: list[Tensor] = []

    def keep(module: nn.Module, arguments: Any, embedded: Tensor) -> None:
        seen.append(embedded.detach())

    with hooked(question, keep):
        scores = question.scores([passage.rows([passage.baseline, passage.ids])])
    return Ends(seen[0], scores)


def attributions(question: Question, ends: Ends, steps: int) -> NDArray[np.float64]:
    """[T]: what each token adds to the score on the way from the baseline."""
    from captum.attr import IntegratedGradients as Method

    passage = question.passage

    def forward(embedded: Tensor) -> Tensor:
        def replace(module: nn.Module, arguments: Any, own: Tensor) -> Tensor:
            return embedded

        with hooked(question, replace):
            return question.score(passage.rows([passage.ids] * len(embedded)))

    found = Method(forward).attribute(
        ends.embedded[1:],
        baselines=ends.embedded[:1],
        n_steps=steps,
        internal_batch_size=question.rows_at_once,
    )
    summed: NDArray[np.float64] = found[0].detach().double().sum(-1).numpy()
    return summed


@contextmanager
def hooked(question: Question, hook: Callable[..., Tensor | None]) -> Iterator[None]:
    """Within, `hook` sees what the backbone's embeddings give, and may give something else."""
    handle = question.learner.backbone.embedding_module().register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
