"""BADGE: rows whose gradients would be large and point apart (Ash et al. 2020)."""

from __future__ import annotations

import numpy as np

from journeyman.labelling.strategies.base import STRATEGIES, Strategy
from journeyman.labelling.view import Numbers, View, required


@STRATEGIES.register("badge")
class Badge(Strategy):
    """k-means++ on the gradients that the last layer would have, were the likeliest label right.

    The gradient of a row is the outer product of its error (probabilities less the one-hot of the
    likeliest label) and its vector. It is never written out: the distance of two of them follows
    from the products of their errors and of their vectors. A solved head has no gradient, but its
    answers as probabilities on the same vectors do for one.
    """

    name = "badge"
    purpose = "rows that are unsure and unlike each other, by their gradients"
    needs = ("chances",)

    def pick(self, view: View, count: int, random: np.random.Generator) -> list[int]:
        """The row of the largest gradient, then rows drawn by their squared distance."""
        chances = required(view.chances, "chances")
        errors = chances.copy()
        errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1.0
        sizes = np.square(errors).sum(axis=1) * np.square(view.vectors).sum(axis=1)
        chosen = [int(sizes.argmax())]
        distances = self._from(chosen[0], errors, view, sizes)
        while len(chosen) < min(count, len(view)):
            distances[chosen] = 0.0
            total = float(distances.sum())
            if total <= 0.0:
                break
            chosen.append(int(random.choice(len(view), p=distances / total)))
            distances = np.minimum(distances, self._from(chosen[-1], errors, view, sizes))
        return chosen

    def _from(self, at: int, errors: Numbers, view: View, sizes: Numbers) -> Numbers:
        """[N]: the squared distance of each row's gradient from that of one row."""
        product = (errors @ errors[at]) * (view.vectors @ view.vectors[at])
        found: Numbers = np.maximum(sizes + sizes[at] - 2.0 * product, 0.0)
        return found
