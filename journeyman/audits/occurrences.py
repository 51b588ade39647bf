"""Where the same words stand elsewhere, in what context, and whether they are tagged otherwise.

Shapes: N rows, W words of a row, D width of a layer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from journeyman.audits.held_words import Words
from journeyman.evaluation.spans import Span

LONGEST = 6
"""Words of a span that is looked for elsewhere at most."""
MOST = 200
"""Occurrences of the same words that are compared; of more, the first so many."""
ALIKE = 0.9
"""The cosine, of the vectors of the same words, from which they stand in like context."""

Place = tuple[int, int, int]
"""A row, a first word there and one past the last."""


@dataclass(frozen=True)
class Elsewhere:
    """The same words in another row, what they are tagged as there (None: nothing), and the cosine
    of both contexts."""

    row: int
    label: str | None
    similarity: float


class Occurrences:
    """All places of the words of every span that is tagged somewhere."""

    def __init__(self, spans: Sequence[Sequence[Span]], words: Words) -> None:
        """Of the spans of each row, as given."""
        self._texts = [tuple(word.casefold() for word in text) for text in words.texts]
        self._spans = spans
        self._words = words
        self._mean = words.vectors.float().mean(0)
        self._places = self._index()

    def of(self, row: int, first: int, end: int) -> list[Elsewhere]:
        """The same words in other rows, those in the most similar context first; places where a
        span covers them only in part are left out."""
        places = self._places.get(self._texts[row][first:end], [])
        others = [place for place in places if place[0] != row and self._told(place) != ""]
        if not others:
            return []
        vectors = self._vectors([(row, first, end), *others])
        cosines = (vectors[1:] @ vectors[0]).tolist()
        found = [
            Elsewhere(place[0], self._told(place), cosine)
            for place, cosine in zip(others, cosines, strict=True)
        ]
        return sorted(found, key=lambda one: (-one.similarity, one.row))

    def same(self, row: int) -> int | None:
        """Another row of the same words, of which some are tagged otherwise."""
        for other in self._rows.get(self._texts[row], []):
            if set(self._spans[other]) != set(self._spans[row]):
                return other
        return None

    def _index(self) -> Mapping[tuple[str, ...], list[Place]]:
        keys = {
            text[first:end]
            for text, spans in zip(self._texts, self._spans, strict=True)
            for first, end, _ in spans
            if end - first <= LONGEST
        }
        sizes = sorted({len(key) for key in keys})
        found: defaultdict[tuple[str, ...], list[Place]] = defaultdict(list)
        self._rows: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for row, text in enumerate(self._texts):
            self._rows[text].append(row)
            for first in range(len(text)):
                for size in sizes:
                    key = text[first : first + size]
                    if key in keys and len(key) == size and len(found[key]) < MOST:
                        found[key].append((row, first, first + size))
        return found

    def _told(self, place: Place) -> str | None:
        """The type of the span that is just there, None where there is none, "" of part of one."""
        row, first, end = place
        for start, stop, label in self._spans[row]:
            if (start, stop) == (first, end):
                return label
            if start < end and first < stop:
                return ""
        return None

    def _vectors(self, places: Sequence[Place]) -> Tensor:
        """[P, D] the mean vector of the words at each place less that of all words, at unit length;
        nothing where none of them is read."""
        found = []
        for row, first, end in places:
            read = self._words.places[row][first:end]
            own = self._words.vectors[torch.from_numpy(read[read >= 0])].float()
            found.append(own.mean(0) - self._mean if len(own) else torch.zeros_like(self._mean))
        return torch.nn.functional.normalize(torch.stack(found), dim=1)
