"""How likely each tag of a word is: what is answered of it, its form, and the words beside it.

Stacking (Wolpert 1992, "Stacked generalization"): multinomial logistic regression on held-out
answers of the frozen layers, to a word and to both beside it; on the forms of all three, of which
a network that reads small letters alone knows nothing; and on how the same words are tagged in
other rows. Shapes: M words, C tags.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from journeyman.audits.held_words import Words, held_outputs
from journeyman.evaluation.intervals import Array
from journeyman.evaluation.true_labels import TrueLabels
from journeyman.training.label_cleaning import folds_of
from journeyman.training.parts import Indices

MISTAKEN = 0.05
"""How often the tag of a word in doubt is held to be wrong before anything is answered of it."""
STRENGTH = 0.3
"""The inverse of the penalty."""
ROUNDS = 100
LEAST = 1e-9
"""The least chance that is told from none."""
LONG = 15
"""Letters beyond which words count as of one length."""


@dataclass(frozen=True)
class TrueTags:
    """What is held of the true tag of every word: `posterior` [M, C], and the tag as `given` [M].

    One rate of mistakes holds for all tags. Rates of each tag (`evaluation/true_labels.py`) are
    those of a word: of nearly every text's many words outside all spans so few are wrong that
    spans which were made up went unseen.
    """

    posterior: Array
    given: NDArray[np.intp]

    @classmethod
    def of(cls, chances: Array, given: NDArray[np.intp]) -> TrueTags:
        """From the chances [M, C] of each word's tags where the given one [M] is not heeded."""
        own = np.zeros(chances.shape, dtype=bool)
        own[np.arange(len(given)), given] = True
        joint = np.maximum(chances, LEAST) * np.where(own, 1.0 - MISTAKEN, MISTAKEN)
        return cls(joint / joint.sum(axis=1, keepdims=True), given)

    @property
    def wrong(self) -> Array:
        """[M] the probability that each given tag is wrong."""
        return 1.0 - self.posterior[np.arange(len(self.given)), self.given]


def true_tags(words: Words, tags: int, folds: int, seed: int) -> TrueTags:
    """What is held of the true tag of every word, by what has not learned its row's tags.

    Learned twice: again with each word as heavy as its tag is trusted.
    """
    parts = folds_of(len(words.starts) - 1, folds, seed)
    signs = signs_of(words, held_outputs(words, tags, parts, seed), tags)
    places = [words.of(part) for part in parts]
    found = TrueTags.of(_chances(signs, words.given, tags, places), words.given)
    again = _chances(signs, words.given, tags, places, 1.0 - found.wrong)
    return TrueTags.of(again, words.given)


def signs_of(words: Words, outputs: Array, tags: int) -> Array:
    """[M, S] all that is known of each word: of itself, then of the one before and the next."""
    read = words.read()
    forms = np.array([_form(word) for word in read], dtype=np.float64).reshape(len(read), -1)
    own = np.concatenate([outputs, forms, _elsewhere(words, read, tags)], axis=1)
    first = np.zeros((len(read), 1))
    first[words.starts[:-1][np.diff(words.starts) > 0]] = 1.0
    return np.concatenate([own, _beside(own, words, -1), _beside(own, words, 1), first], axis=1)


def _form(word: str) -> list[float]:
    return [
        word[:1].isupper(),
        word.isupper(),
        word.islower(),
        word[:1].isupper() and word[1:].islower(),
        word[:1] == "@",
        word[:1] == "#",
        any(letter.isdigit() for letter in word),
        not any(letter.isalnum() for letter in word),
        min(len(word), LONG) / LONG,
    ]


def _elsewhere(words: Words, read: Sequence[str], tags: int) -> Array:
    """[M, C + 1] how often the same word has each tag in other rows, in shares of one more than all
    of them; and the logarithm of how many there are."""
    rows, keys = words.rows().tolist(), [word.casefold() for word in read]
    every: defaultdict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(tags))
    within: defaultdict[tuple[int, str], NDArray[np.float64]] = defaultdict(lambda: np.zeros(tags))
    for row, key, tag in zip(rows, keys, words.given.tolist(), strict=True):
        every[key][tag] += 1
        within[row, key][tag] += 1
    counts = np.array(
        [every[key] - within[row, key] for row, key in zip(rows, keys, strict=True)]
    ).reshape(len(keys), tags)
    total = counts.sum(axis=1, keepdims=True)
    return np.concatenate([counts / (total + 1), np.log1p(total)], axis=1)


def _beside(values: Array, words: Words, offset: int) -> Array:
    """The values of the word so far off in the same row, 0 where there is none."""
    rows = words.rows()
    there = np.arange(len(rows)) + offset
    inside = (there >= 0) & (there < len(rows))
    inside[inside] = rows[there[inside]] == rows[inside]
    found = np.zeros_like(values)
    found[inside] = values[there[inside]]
    return found


def _chances(
    signs: Array,
    given: NDArray[np.intp],
    tags: int,
    parts: Sequence[Indices],
    weights: Array | None = None,
) -> Array:
    """[M, C] the chances of each word's true tags, by what was learned of other parts; rows of a
    part that has nothing to learn from are held to be as they were given."""
    found = np.zeros((len(given), tags))
    found[np.arange(len(given)), given] = 1.0
    learned = np.zeros(len(given), dtype=bool)
    for part in parts:
        rest = np.setdiff1d(np.arange(len(given)), part)
        if not len(part) or len(np.unique(given[rest])) < 2:
            continue
        chain = make_pipeline(
            StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=ROUNDS, tol=1e-3)
        )
        heavy = None if weights is None else weights[rest]
        with warnings.catch_warnings():
            # A few rounds more would move no chance by as much as a wrong tag does.
            warnings.simplefilter("ignore", ConvergenceWarning)
            chain.fit(signs[rest], given[rest], logisticregression__sample_weight=heavy)
        learned[part], found[part] = True, 0.0
        found[np.ix_(part, chain.classes_)] = chain.predict_proba(signs[part])
    logarithms = np.log(np.maximum(found[learned], LEAST))
    if learned.any():  # What is learned of wrong tags is unsure of right ones: less so again.
        found[learned] = TrueLabels.of(logarithms, given[learned]).chances
    return found
