"""Words left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from journeyman.training.augmentations.base import AUGMENTATIONS, Augmentation


@AUGMENTATIONS.register("word-dropout")
class WordDropout(Augmentation):
    """Leaves words out, never all of them (Wei and Zou, 2019, "EDA", random deletion)."""

    name = "word-dropout"

    def change(self, text: str, strength: float, random: np.random.Generator) -> str:
        """The text without some of its words."""
        words = text.split()
        gone = _chosen(words, strength, random)
        kept = [word for at, word in enumerate(words) if at not in gone]
        return " ".join(kept) or text


def _chosen(words: Sequence[str], strength: float, random: np.random.Generator) -> set[int]:
    """Which words go: about `strength` of them, at least one."""
    if not words:
        return set()
    drawn = np.flatnonzero(random.random(len(words)) < strength).tolist()
    return set(drawn or [int(random.integers(len(words)))])
