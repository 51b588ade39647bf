"""Slips of the fingers: letters that change places, are left out or come twice."""

from __future__ import annotations

import numpy as np

from journeyman.training.augmentations.base import AUGMENTATIONS, Augmentation, chosen


@AUGMENTATIONS.register("typos")
class Typos(Augmentation):
    """One slip in each word that changes; words of one character stay as they are."""

    name = "typos"

    def change(self, text: str, strength: float, random: np.random.Generator) -> str:
        """The text with slips."""
        words = text.split(" ")
        for at in chosen(words, strength, random):
            words[at] = slip(words[at], random)
        return " ".join(words)


def slip(word: str, random: np.random.Generator) -> str:
    """The word with two neighbours exchanged, one character left out, or one doubled."""
    if len(word) < 2:
        return word
    at = int(random.integers(len(word) - 1))
    before, first, second, after = word[:at], word[at], word[at + 1], word[at + 2 :]
    ways = (second + first, second, first + first + second)
    return before + ways[int(random.integers(len(ways)))] + after
