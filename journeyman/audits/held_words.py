"""Answers to every word of an audit's texts, by a kernel ridge regression that has not learned it.

The rows of a fold are left out together, whole texts at a time: words of one text are no strangers
to each other. Shapes: N rows, M words that are read of all rows in turn, W words of one text, D
width of a layer, F landmarks, C tags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.audits.base import Subject
from journeyman.backbones.scratch import scratch
from journeyman.backbones.text_inputs import TextInputs
from journeyman.evaluation.intervals import Array
from journeyman.heads.feature_map import FeatureMap
from journeyman.heads.statistics import RidgeSolution, RidgeStatistics
from journeyman.tasks.base import IGNORED
from journeyman.tasks.token_classification import str_of
from journeyman.tasks.words import first_tokens, words_of
from journeyman.training.examples import Examples, in_batches
from journeyman.training.parts import Indices
from journeyman.training.solving import starts

LANDMARKS = 1024
"""Words that all others are compared with, half of them tagged where there are so many."""
PENALTIES = 1e-5, 1e-4, 1e-3, 1e-2
"""Penalties that are tried, as shares of a word's part in the kernel's scale."""
ROWS = 32
"""Texts that are read at once."""


@dataclass(frozen=True)
class Words:
    """The M words that are read: their vectors [M, D], their tags as given [M], and where each
    row's begin [N + 1].

    `texts` are all W words of each row, `places` [W] where each of them is among the M, -1 where it
    is not read: beyond the longest input, or of letters that the tokenizer leaves out.
    """

    vectors: Tensor
    given: NDArray[np.intp]
    starts: NDArray[np.int64]
    texts: Sequence[Sequence[str]]
    places: Sequence[Indices]

    def __len__(self) -> int:
        return len(self.given)

    def of(self, rows: Indices) -> Indices:
        """The places of the words of these rows."""
        spans = [np.arange(self.starts[row], self.starts[row + 1]) for row in rows]
        return np.concatenate([np.zeros(0, dtype=np.int64), *spans]).astype(np.int64)

    def read(self) -> list[str]:
        """The M words."""
        return [
            word
            for text, places in zip(self.texts, self.places, strict=True)
            for word, place in zip(text, places.tolist(), strict=True)
            if place >= 0
        ]

    def rows(self) -> Indices:
        """[M] the row of each."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def words_of_rows(subject: Subject) -> Words:
    """Every word on the frozen layers below the middle of the backbone.

    Layers beyond it are made for what a text as a whole means: with those of the last layer tags
    were told no better, and it takes twice as long to get there.
    """
    backbone, examples = subject.backbone, subject.examples
    begin, cut = starts(examples, whole=False), max(backbone.spec.depth // 2, 1)
    source = subject.cache.features(backbone, examples.inputs, cut, keep_hidden=True)
    vectors: Tensor | None = None
    for indices, features in in_batches(source, ROWS):
        for at, words in zip(indices, _read(features.hidden, examples, indices), strict=True):
            if vectors is None:
                vectors = scratch(int(begin[-1]), words.shape[1])
            vectors[begin[at] : begin[at + 1]] = words
    if vectors is None:
        raise ValueError("there are no rows")
    given = np.concatenate([row[row != IGNORED].numpy() for row in _encoded(examples)])
    texts, places = _texts(examples, begin)
    return Words(vectors, given.astype(np.intp), begin, texts, places)


def _texts(examples: Examples, begin: NDArray[np.int64]) -> tuple[list[list[str]], list[Indices]]:
    """The words of each row, and the place of each among all that are read."""
    texts, places = [], []
    for at, said in enumerate(map(str_of, examples.texts)):
        spans = words_of(said)
        texts.append([str(said[start:end]) for start, end in spans])
        there = first_tokens(spans, cast(TextInputs, examples.inputs), at) >= 0
        places.append(np.where(there, begin[at] + np.cumsum(there) - 1, -1))
    return texts, places


def held_outputs(words: Words, tags: int, parts: Sequence[Indices], seed: int) -> Array:
    """[M, C] outputs for every word, by what has not learned its part of the rows.

    The penalty is the one whose outputs miss the tags as given by least, in squares.
    """
    targets = torch.nn.functional.one_hot(torch.from_numpy(words.given), tags).double()
    chosen, places = _map_of(words, seed), [words.of(part) for part in parts]
    sums = _sums(chosen, words, targets, places)
    found = np.zeros((len(PENALTIES), len(words), tags))
    for at, part in enumerate(places):
        solved = _solved_without(sums, at)
        for span, features in _features(chosen, words, part):
            for which, solution in enumerate(solved):
                found[which, part[span]] = solution.outputs(features.double()).numpy()
    missed = ((found - targets.numpy()) ** 2).sum((1, 2))
    best: Array = found[int(missed.argmin())]
    return best


def _sums(
    chosen: FeatureMap, words: Words, targets: Tensor, places: Sequence[Indices]
) -> list[RidgeStatistics]:
    """What solving needs of each part's words."""
    found, kernel = [], chosen.kernel()
    for part in places:
        own = RidgeStatistics(chosen.features, targets.shape[1], kernel)
        for span, features in _features(chosen, words, part):
            own.add(features, targets[torch.from_numpy(part[span])])
        found.append(own)
    return found


def _solved_without(sums: Sequence[RidgeStatistics], left: int) -> list[RidgeSolution]:
    """Learned from all parts but one, under each penalty."""
    rest = RidgeStatistics(len(sums[0].gram), len(sums[0].target_sum), sums[0].penalty)
    for at, own in enumerate(sums):
        if at != left:
            rest.merge(own)
    scale = rest.scale()
    return [rest.resolve(share * scale) for share in PENALTIES]


def _map_of(words: Words, seed: int) -> FeatureMap:
    """The kernel with some of the words."""
    found = FeatureMap((1,), [words.vectors.shape[1]], LANDMARKS)
    found.fit({1: words.vectors})
    order = np.random.default_rng(seed).permutation(len(words))
    tagged = order[words.given[order] > 0][: LANDMARKS // 2]
    plain = order[words.given[order] == 0][: LANDMARKS - len(tagged)]
    marks = torch.from_numpy(np.sort(np.concatenate([tagged, plain])))
    found.place(found.stacked({1: words.vectors[marks]}))
    return found


def _features(chosen: FeatureMap, words: Words, places: Indices) -> Iterator[tuple[slice, Tensor]]:
    """Features of the words at these places, a chunk at a time."""
    return chosen.chunks({1: words.vectors[torch.from_numpy(places)]})


def _encoded(examples: Examples) -> Sequence[Tensor]:
    if examples.encoded is None:
        raise ValueError("words are audited by their encoded tags")
    return list(examples.encoded.rows)


def _read(hidden: Tensor | None, examples: Examples, indices: Indices) -> list[Tensor]:
    """The vectors of each text's words, at the first token of each."""
    if hidden is None:
        raise ValueError("words need hidden states")
    rows = _encoded(examples)
    return [hidden[at][: len(rows[i])][rows[i] != IGNORED] for at, i in enumerate(indices)]
