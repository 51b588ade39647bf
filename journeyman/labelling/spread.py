"""A batch of what scores highest that is not one question ten times."""

from __future__ import annotations

import numpy as np

from journeyman.labelling.view import Numbers, Vectors

REACH = 10
"""How many times as many rows as are wanted a batch is spread over."""


def spread(scores: Numbers, vectors: Vectors, count: int, power: float = 2.0) -> list[int]:
    """Up to `count` rows by score [N], each discounted for what is alike among those before it.

    Of the highest scores, `REACH` times as many as are wanted. The discount is the cosine with the
    most similar row chosen so far, to some power. Equal scores keep the order of the rows.
    """
    order = np.argsort(-scores, kind="stable")[: REACH * count]
    worth, near = scores[order].astype(np.float64), np.zeros(len(order))
    chosen: list[int] = []
    while len(chosen) < min(count, len(order)):
        value = worth * (1.0 - near**power)
        value[chosen] = -np.inf
        chosen.append(int(value.argmax()))
        alike = vectors[order] @ vectors[order[chosen[-1]]]
        near = np.maximum(near, alike.clip(0.0, 1.0))
    return [int(order[at]) for at in chosen]
