"""Capital and small letters: whole texts in one, or words that change theirs."""

from __future__ import annotations

import numpy as np

from journeyman.training.augmentations.base import AUGMENTATIONS, Augmentation, chosen


@AUGMENTATIONS.register("casing")
class Casing(Augmentation):
    """All small, all capitals, or some words the other way; of use to backbones that know case."""

    name = "casing"

    def change(self, text: str, strength: float, random: np.random.Generator) -> str:
        """The text in another casing."""
        way = int(random.integers(3))
        if way < 2:
            return text.lower() if way == 0 else text.upper()
        words = text.split(" ")
        for at in chosen(words, strength, random):
            words[at] = words[at].swapcase()
        return " ".join(words)
