"""Words left out."""

from __future__ import annotations

import numpy as np

from journeyman.training.augmentations.base import AUGMENTATIONS, Augmentation, chosen


@AUGMENTATIONS.register("word-dropout")
class WordDropout(Augmentation):
    """Leaves words out, never all of them (Wei and Zou, 2019, "EDA", random deletion)."""

    name = "word-dropout"

    def change(self, text: str, strength: float, random: np.random.Generator) -> str:
        """The text without some of its words."""
        words = text.split()
        gone = chosen(words, strength, random)
        kept = [word for at, word in enumerate(words) if at not in gone]
        return " ".join(kept) or text
