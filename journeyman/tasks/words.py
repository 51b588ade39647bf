"""Where the words of a text are, and which token each of them begins with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.text_inputs import TextInputs
from journeyman.data.tokens import words_in

WordSpan = tuple[int, int]


class TokenText(str):
    """A text whose words are given: `words` are code points [start, end) of each."""

    words: tuple[WordSpan, ...]

    def __new__(cls, tokens: Sequence[str]) -> TokenText:
        """The tokens joined by single spaces."""
        text = super().__new__(cls, " ".join(tokens))
        ends = np.cumsum([len(token) + 1 for token in tokens])
        text.words = tuple(
            (int(end) - len(token) - 1, int(end) - 1)
            for token, end in zip(tokens, ends, strict=True)
        )
        return text


def words_of(text: str) -> tuple[WordSpan, ...]:
    """The words of a text: as given, else runs of letters, single marks, single ideographs."""
    if isinstance(text, TokenText):
        return text.words
    return words_in(text)


def first_tokens(words: Sequence[WordSpan], inputs: TextInputs, row: int) -> NDArray[np.int64]:
    """[W]: the position of each word's first token, -1 where the text was cut off before it."""
    offsets = inputs.offsets[row]
    real = np.flatnonzero((inputs.segments[row] == 0) & (offsets[:, 1] > offsets[:, 0]))
    starts, ends = offsets[real, 0], offsets[real, 1]
    places = np.full(len(words), -1, dtype=np.int64)
    at = np.searchsorted(ends, [start for start, _ in words], side="right")
    for word, (place, (_, end)) in enumerate(zip(at, words, strict=True)):
        if place < len(real) and starts[place] < end:
            places[word] = real[place]
    return places
