"""Why a text is answered as it is: its words are what is weighed.

Shapes: B variants of one text, T its tokens, W its words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from journeyman.backbones.text_inputs import TextInputs
from journeyman.explainers.passage import Passage
from journeyman.explainers.question import Ends, Question
from journeyman.explainers.target import Target
from journeyman.training.learner import Learner
from journeyman.types import Explanation, TokenWeight

TOKENS_AT_ONCE = 2048
"""Tokens of one forward and backward pass: bounds the memory that activations take."""


@dataclass(frozen=True)
class WordQuestion(Question):
    """Why `learner` gives `passage` the score of `target`."""

    id: str
    learner: Learner
    target: Target
    passage: Passage

    @property
    def units(self) -> int:
        """W."""
        return len(self.passage.words)

    @property
    def rows_at_once(self) -> int:
        """By the tokens of the text."""
        return max(1, TOKENS_AT_ONCE // max(len(self.passage.ids), 1))

    @property
    def whole(self) -> TextInputs:
        """The text as it is."""
        return self.passage.inputs

    def hidden(self, sets: Sequence[Sequence[int]]) -> TextInputs:
        """Each variant has all T tokens, those of its words blank."""
        return self.passage.rows([self.passage.hidden(words) for words in sets])

    def without(self, units: Sequence[int]) -> TextInputs:
        """Words are left out; where tokens are scored one by one they are blank and keep their
        places."""
        return self.passage.without(units) if self.target.tokens is None else self.hidden([units])

    def ends(self) -> Ends:
        """Embeddings [2, T, D] in one pass."""
        passage = self.passage
        seen: list[Tensor] = []

        def keep(module: nn.Module, arguments: Any, embedded: Tensor) -> None:
            seen.append(embedded.detach())

        with self._hooked(keep):
            scores = self.scores([passage.rows([passage.baseline, passage.ids])])
        return Ends(seen[0], scores)

    def score_at(self, points: Tensor) -> Tensor:
        """[B] of embeddings [B, T, D]."""

        def replace(module: nn.Module, arguments: Any, own: Tensor) -> Tensor:
            return points

        with self._hooked(replace):
            return self.score(self.passage.rows([self.passage.ids] * len(points)))

    def gathered(self, attributions: Tensor) -> NDArray[np.float64]:
        """[W] of [T, D]: summed over width and over each word's tokens."""
        tokens: NDArray[np.float64] = attributions.double().sum(-1).numpy()
        return self.passage.shares @ tokens

    def told(self, weights: NDArray[np.float64], method: str, gap: float) -> Explanation:
        """A weight for each word."""
        passage = self.passage
        tokens = tuple(
            TokenWeight(start, end, passage.shown[start:end], float(weight))
            for (start, end), weight in zip(passage.words, weights, strict=True)
        )
        blank = passage.blank.name
        return Explanation(self.id, self.target.name, method, blank, tokens, None, gap)

    def shown(self, explanation: Explanation) -> dict[str, Any]:
        """The text, and spans with their weights."""
        spans = tuple((token.start, token.end, token.weight) for token in explanation.tokens)
        return {"text": self.passage.shown, "spans": spans}

    @contextmanager
    def _hooked(self, hook: Callable[..., Tensor | None]) -> Iterator[None]:
        """Within, `hook` sees what the backbone's embeddings give, and may give something else."""
        handle = self.learner.backbone.embedding_module().register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()
