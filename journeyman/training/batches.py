"""Batches of rows of like length: for the frozen pass by token budget, for training shuffled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def token_batches(lengths: Indices, order: Indices, tokens: int) -> Iterator[Indices]:
    """Consecutive pieces of `order` whose rows have one length and at most `tokens` tokens.

    Meant for an `order` sorted by length: without padding no attention mask is needed, and small
    batches stay in the processor's cache. A row longer than the budget is a batch alone.
    """
    start = 0
    for at, row in enumerate(order):
        length = int(lengths[row])
        longer = length != int(lengths[order[start]])
        if at > start and (longer or length * (at + 1 - start) > tokens):
            yield order[start:at]
            start = at
    if len(order) > start:
        yield order[start:]


def shuffled_batches(
    lengths: Indices, size: int, *, seed: int, epoch: int, pool: int = 50
) -> list[Indices]:
    """All rows in batches of `size` rows of like length, in an order of its own each epoch.

    Rows are shuffled, sorted by length within pools of `pool` batches, and the batches shuffled:
    little padding, and still another composition each epoch. The same seed and epoch give the
    same batches.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    batches: list[Indices] = []
    for at in range(0, len(order), pool * size):
        part = order[at : at + pool * size]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches.extend(part[i : i + size] for i in range(0, len(part), size))
    return [batches[i] for i in random.permutation(len(batches))]


def by_length(lengths: Indices, size: int) -> list[Indices]:
    """All rows in batches of `size`, shortest first: for evaluation."""
    order = np.argsort(lengths, kind="stable")
    return [order[i : i + size] for i in range(0, len(order), size)]
