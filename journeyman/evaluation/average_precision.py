"""Average precision and recall of matched boxes, for many weightings of the pictures at once.

COCO's: precision, made to fall with recall, at 101 levels of recall. A weight says how often a
picture is there, so a resample costs no new matching: only the sums that lead to each hit.
Shapes: B weightings, I pictures, D found boxes, M hits among them, A ranges of area, T least
overlaps, R levels of recall.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.box_matches import ClassMatches
from journeyman.evaluation.intervals import Array, ratio

LEVELS = np.linspace(0.0, 1.0, 101)
"""Recall at which precision is read."""
_BLOCK = 4_000_000
"""Numbers of a weighting of boxes that are held at once."""


def average_precision(matches: ClassMatches, weights: Array) -> tuple[Array, Array]:
    """Average precision and recall of a class, each [B, A, T], under `weights` [B, I].

    NaN where there is no true box. Both are those of pycocotools where each weight is 1.
    """
    areas, least, boxes = matches.hit.shape
    found = np.full((2, len(weights), areas, least), np.nan)
    step = max(1, _BLOCK // max(boxes, 1))
    for start in range(0, len(weights), step):
        block = weights[start : start + step]
        drawn = block[:, matches.pictures]
        for area in np.flatnonzero(matches.truths.any(axis=1)):
            truths = block @ matches.truths[area]
            counted = _Counted(matches.ignored[area], matches.hit[area], drawn)
            for at in range(least):
                hits = np.flatnonzero(matches.hit[area, at])
                right = drawn[:, hits].cumsum(axis=1)
                precision = right / np.maximum(counted.until(at, hits), 1)
                whole = right[:, -1] if len(hits) else np.zeros(len(block))
                found[:, start : start + step, area, at] = (
                    _area_under(precision, right, truths),
                    ratio(whole, truths),
                )
    return found[0], found[1]


def precision_curve(matches: ClassMatches, area: int = 0, least: int = 0) -> Array:
    """[R] precision at each level of recall, every picture counted once; 0 where recall ends."""
    truths = matches.truths[area].sum(keepdims=True)
    curve: Array = np.zeros(len(LEVELS))
    hits = np.flatnonzero(matches.hit[area, least])
    if truths[0] and len(hits):
        right = np.arange(1, len(hits) + 1, dtype=np.float64)
        until = (~matches.ignored[area, least]).cumsum()[hits]
        falling = np.maximum.accumulate((right / until)[::-1])[::-1]
        gained = np.diff(_levels(right[None], truths)[0], prepend=0)
        read = np.repeat(falling, gained)
        curve[: len(read)] = read
    return curve


class _Counted:
    """How many found boxes count, down to each hit, in every weighting.

    Most boxes count alike at every least overlap, and are summed once; the others change
    between ignored and not, and are added.
    """

    def __init__(self, ignored: NDArray[np.bool_], hit: NDArray[np.bool_], drawn: Array) -> None:
        reached = hit.any(axis=0)
        last = int(np.flatnonzero(reached)[-1]) + 1 if reached.any() else 0
        self._ignored, self._drawn = ignored[:, :last], drawn[:, :last]
        always = self._ignored.all(axis=0)
        self._changing = self._ignored.any(axis=0) & ~always
        steady = ~(always | self._changing)
        self._steady = (self._drawn * steady).cumsum(axis=1)

    def until(self, least: int, hits: NDArray[np.intp]) -> Array:
        """[B, M], the hit itself included."""
        found: Array = self._steady[:, hits]
        more = np.flatnonzero(self._changing & ~self._ignored[least])
        if len(more):
            sums = np.pad(self._drawn[:, more].cumsum(axis=1), ((0, 0), (1, 0)))
            found = found + sums[:, np.searchsorted(more, hits, side="right")]
        return found


def _area_under(precision: Array, right: Array, truths: Array) -> Array:
    """[B]: the mean over levels of the best precision at that recall or beyond."""
    if not precision.shape[1]:
        return ratio(np.zeros(len(truths)), truths)
    falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    gained = np.diff(_levels(right, truths), axis=1, prepend=0)
    total: Array = (falling * gained).sum(axis=1) / len(LEVELS)
    return np.where(truths > 0, total, np.nan)


def _levels(right: Array, truths: Array) -> NDArray[np.int64]:
    """[B, M]: how many levels are not above the recall, of `right` hits among `truths` [B]."""
    recall = right / np.maximum(truths, 1)[:, None]
    below = (recall * (len(LEVELS) - 1) + 1e-9).astype(np.int64)
    return np.where(right > 0, below + (LEVELS[below] <= recall), 0)
