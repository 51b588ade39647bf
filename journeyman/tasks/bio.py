"""Tag sequences that are valid: B opens a span, I only goes on with one of its own type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.spans import Span

OUTSIDE = "O"


def tag_set(types: Sequence[str]) -> tuple[str, ...]:
    """O, then B and I of each type: O, B-LOC, I-LOC, B-ORG ..."""
    return (OUTSIDE, *(f"{mark}-{name}" for name in types for mark in "BI"))


def forbidden(tags: Sequence[str]) -> NDArray[np.float64]:
    """[C + 1, C] penalties of one tag after another; the last row is the start."""
    table = np.zeros((len(tags) + 1, len(tags)))
    for at, tag in enumerate(tags):
        if tag.startswith("I-"):
            follows = {f"B-{tag[2:]}", tag}
            blocked = [other not in follows for other in tags]
            table[:-1, at][blocked] = -np.inf
            table[-1, at] = -np.inf
    return table


def best_path(scores: NDArray[np.float64], penalties: NDArray[np.float64]) -> list[int]:
    """The valid sequence with the largest sum of [W, C] scores (Viterbi, 1967)."""
    if not len(scores):
        return []
    total = scores[0] + penalties[-1]
    back = np.zeros(scores.shape, dtype=np.int64)
    for at in range(1, len(scores)):
        steps = total[:, None] + penalties[:-1]
        back[at] = steps.argmax(axis=0)
        total = steps.max(axis=0) + scores[at]
    path = [int(total.argmax())]
    for at in range(len(scores) - 1, 0, -1):
        path.append(int(back[at, path[-1]]))
    return path[::-1]


def spans_of(tags: Sequence[str]) -> list[Span]:
    """(first word, one past the last word, type) of each span of a valid sequence."""
    spans: list[Span] = []
    for at, tag in enumerate(tags):
        if tag.startswith("B-"):
            spans.append((at, at + 1, tag[2:]))
        elif tag.startswith("I-") and spans:
            spans[-1] = (spans[-1][0], at + 1, spans[-1][2])
    return spans
