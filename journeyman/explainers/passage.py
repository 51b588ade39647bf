"""One text as a model reads it: its words, and what each of its tokens belongs to.

Shapes: T tokens of the prepared text, special ones included, W words that the model reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text
from journeyman.backbones.text_inputs import TextInputs, mask_id
from journeyman.tasks.words import WordSpan, words_of

SEPARATOR = " [SEP] "
"""What stands between the two texts of a pair when they are shown as one."""


def shown_text(text: Text) -> str:
    """The text that spans point into: the text itself, or both of a pair with SEPARATOR."""
    return str(text) if isinstance(text, str) else SEPARATOR.join(text)


@dataclass(frozen=True)
class Blank:
    """The token that stands for a word that says nothing: its name and its id."""

    name: str
    id: int

    @classmethod
    def of(cls, backbone: Backbone, inputs: TextInputs) -> Blank:
        """Padding where the embeddings give it a plain position; else the mask token.

        On MiniLM padding was the more faithful of the two (words it ranked first mattered more
        when deleted), at the same convergence gap. Families that count positions from padding
        (RoBERTa, MPNet) would move every other token, and those without positions in their
        embeddings (ModernBERT) give it a zero vector, where layer norms have no gradient.
        """
        embeddings = backbone.embedding_module()
        placed = getattr(embeddings, "position_embeddings", None) is not None
        if not placed or hasattr(embeddings, "padding_idx"):
            found = mask_id(getattr(backbone, "tokenizer", None))
            if found is not None:
                return cls("mask", found)
        return cls("pad", inputs.padding_id)


@dataclass(frozen=True)
class Passage:
    """A text, prepared, with the words that were not cut off.

    `inputs` is its one row; `words` are code points of `shown_text(text)`; `shares` [W, T] says
    how much of each token belongs to each word: every column sums to 1, or to 0 where the token
    is special or the text has no word.
    """

    text: Text
    inputs: TextInputs
    words: tuple[WordSpan, ...]
    shares: NDArray[np.float64]
    blank: Blank

    @classmethod
    def read(cls, backbone: Backbone, text: Text) -> Passage:
        """Prepare `text` and find its words."""
        inputs = cast(TextInputs, backbone.prepare([text]))
        words: list[WordSpan] = []
        blocks: list[NDArray[np.float64]] = []
        start = 0
        for segment, part in enumerate((text,) if isinstance(text, str) else text):
            block, found = _shares(inputs, segment, part)
            blocks.append(block)
            words += [(start + first, start + last) for first, last in found]
            start += len(part) + len(SEPARATOR)
        blank = Blank.of(backbone, inputs)
        return cls(text, inputs, tuple(words), np.concatenate(blocks), blank)

    @property
    def shown(self) -> str:
        """The text that `words` point into."""
        return shown_text(self.text)

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """[T]: the text's tokens."""
        return self.inputs.ids[0].astype(np.int64)

    @cached_property
    def baseline(self) -> NDArray[np.int64]:
        """[T]: the tokens with every word hidden; special ones are kept."""
        return self.hidden(range(len(self.words)))

    def tokens_of(self, words: Sequence[int]) -> NDArray[np.bool_]:
        """[T]: whether a token belongs to any of `words`."""
        return np.asarray(self.shares[list(words)].sum(axis=0) > 0)

    def hidden(self, words: Sequence[int]) -> NDArray[np.int64]:
        """[T]: the tokens with those of `words` replaced by the blank."""
        return np.where(self.tokens_of(words), self.blank.id, self.ids)

    def rows(self, ids: Sequence[NDArray[np.int64]]) -> TextInputs:
        """Variants of the text, each of all T tokens, as rows to be answered."""
        return self._rows([row.astype(np.int32) for row in ids], np.ones(len(self.ids), bool))

    def without(self, words: Sequence[int]) -> TextInputs:
        """The text with the tokens of `words` left out, as a row to be answered."""
        kept = ~self.tokens_of(words)
        return self._rows([self.inputs.ids[0][kept]], kept)

    def _rows(self, ids: list[NDArray[np.int32]], kept: NDArray[np.bool_]) -> TextInputs:
        kinds = self.inputs.types[0]
        return replace(
            self.inputs,
            ids=ids,
            types=[kinds[kept] if len(kinds) else kinds] * len(ids),
            offsets=[self.inputs.offsets[0][kept]] * len(ids),
            segments=[self.inputs.segments[0][kept]] * len(ids),
        )


def _shares(
    inputs: TextInputs, segment: int, part: str
) -> tuple[NDArray[np.float64], list[WordSpan]]:
    """[W, T] shares of one text's words, and the words up to where it was cut off."""
    own = inputs.segments[0] == segment
    starts, ends = inputs.offsets[0].T.astype(np.int64)
    last = int(ends[own].max(initial=0))
    words = [word for word in words_of(part) if word[0] < last]
    if not words:
        return np.zeros((0, len(own))), words
    firsts, lasts = np.array(words).T
    overlap = np.minimum(lasts[:, None], ends) - np.maximum(firsts[:, None], starts)
    shares = np.where(own, np.maximum(overlap, 0), 0).astype(np.float64)
    for token in np.flatnonzero(own & (shares.sum(axis=0) == 0)):
        shares[min(int(np.searchsorted(lasts, ends[token])), len(words) - 1), token] = 1.0
    shares /= np.maximum(shares.sum(axis=0), 1)
    kept = shares.sum(axis=1) > 0
    return shares[kept], [word for word, keep in zip(words, kept, strict=True) if keep]
