"""Which boxes of a picture as given are likely wrong, by boxes that a detector found there.

After ObjectLab (Tkachenko, Thyagarajan and Mueller 2023, "ObjectLab: automated diagnosis of
mislabeled images in object detection data"): objects overlooked, boxes badly placed, labels
swapped; and boxes that nothing supports. The detector must not have learned the picture. Shapes: F
found boxes, G boxes as given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.box_overlap import overlaps
from journeyman.evaluation.box_verdicts import HALF, TOUCHING
from journeyman.evaluation.intervals import Array
from journeyman.types import LabelledBox, ScoredBox

TWICE = 0.85
"""The overlap from which two boxes are drawn around the same thing."""

Kind = Literal["missed object", "badly placed", "wrongly named", "spurious box"]


@dataclass(frozen=True)
class BoxDoubt:
    """What is doubted: the box as `given`, the one that is `likely`, and the IoU of both.

    Either may be none. `score`, from 0 to 1, is from the chances of found boxes to be right.
    """

    kind: Kind
    given: LabelledBox | None
    likely: ScoredBox | None
    score: float
    overlap: float = 0.0


def box_doubts(
    given: Sequence[LabelledBox], found: Sequence[ScoredBox], reach: float
) -> tuple[BoxDoubt, ...]:
    """One doubt for each box as given, and one for each that was found and belongs to none; the
    most doubtful first.

    Scores of found boxes are their chances to be right; `reach` is the share of given boxes that
    the detector finds at all. A difficult box is not doubted, and what lies in it is not missed.
    """
    picture = _Picture(given, found, reach)
    return tuple(sorted(picture.doubts(), key=lambda doubt: -doubt.score))


class _Picture:
    def __init__(
        self, given: Sequence[LabelledBox], found: Sequence[ScoredBox], reach: float
    ) -> None:
        self.given, self.reach = list(given), reach
        self.found = sorted(found, key=lambda box: -box.score)
        hard = [box.difficult for box in given]
        self.shares = overlaps([box.box for box in self.found], [box.box for box in given], hard)
        self.scores = np.array([box.score for box in self.found])
        labels = [np.array([box.label for box in side], dtype=object)
                  for side in (self.found, self.given)]  # fmt: skip
        self.same: NDArray[np.bool_] = np.asarray(
            labels[0][:, None] == labels[1][None, :], dtype=bool
        ).reshape(self.shares.shape)
        close = self.shares >= HALF
        self.owned: NDArray[np.bool_] = np.asarray((close & self.same).any(axis=1))
        self.taken: NDArray[np.bool_] = np.asarray(close.any(axis=1))

    def doubts(self) -> Iterator[BoxDoubt]:
        witnesses: set[int] = set()
        for at, box in enumerate(self.given):
            if not box.difficult:
                doubt, witness = self._of_given(at)
                if witness is not None:
                    witnesses.add(witness)
                yield doubt
        yield from self._missed(witnesses)

    def _of_given(self, at: int) -> tuple[BoxDoubt, int | None]:
        """The strongest doubt of one box, and the found box that it rests on."""
        shares, same = self.shares[:, at], self.same[:, at]
        own = self._best((shares >= HALF) & same)
        named = self._best((shares >= HALF) & ~same & ~self.owned)
        placed = self._best((shares >= TOUCHING) & (shares < HALF) & same & ~self.taken)
        holds = 0.0 if own is None else float(self.scores[own])
        told: list[tuple[float, Kind, int | None]] = []
        support = holds
        for kind, one in (("wrongly named", named), ("badly placed", placed)):
            if one is not None:
                chance = float(self.scores[one])
                support = max(support, chance)
                told.append((chance * (1.0 - holds), kind, one))  # type: ignore[arg-type]
        told.append(((1.0 - support) * self.reach, "spurious box", None))
        score, kind, one = max(told, key=lambda each: each[0])
        likely = None if one is None else self.found[one]
        overlap = 0.0 if one is None else float(shares[one])
        return BoxDoubt(kind, self.given[at], likely, score, overlap), one

    def _missed(self, witnesses: set[int]) -> Iterator[BoxDoubt]:
        """Found boxes that belong to no given one; of several around one thing the surest."""
        told: list[ScoredBox] = []
        for at, box in enumerate(self.found):
            if self.taken[at] or at in witnesses:
                continue
            before = overlaps([box.box], [one.box for one in told], [False] * len(told))
            if not (before >= HALF).any():
                told.append(box)
                yield BoxDoubt("missed object", None, box, box.score)

    def _best(self, which: NDArray[np.bool_]) -> int | None:
        """The found box of the highest score among some."""
        return int(np.flatnonzero(which)[0]) if which.any() else None


def drawn_twice(given: Sequence[LabelledBox]) -> list[tuple[int, int]]:
    """Pairs of boxes that lie on each other nearly whole, whatever their labels."""
    sides = [box.box for box in given]
    shares = overlaps(sides, sides, [False] * len(given))
    first, second = np.nonzero(np.triu(shares >= TWICE, k=1))
    return list(zip(first.tolist(), second.tolist(), strict=True))


@dataclass(frozen=True)
class Chances:
    """How likely a found box is right, by its score: a rising step function."""

    scores: Array
    values: Array

    @classmethod
    def of(
        cls, found: Sequence[Sequence[ScoredBox]], given: Sequence[Sequence[LabelledBox]]
    ) -> Chances:
        """From boxes found in pictures that were not learned, and those given there: right is what
        overlaps one of its label by half that no surer one has taken."""
        from sklearn.isotonic import IsotonicRegression

        told = [pair for one, two in zip(found, given, strict=True) for pair in _hits(one, two)]
        if not told:
            return cls(np.zeros(1), np.zeros(1))
        scores, right = np.array(told, dtype=np.float64).T
        fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit(scores, right)
        return cls(fitted.X_thresholds_, fitted.y_thresholds_)

    def __call__(self, scores: Array) -> Array:
        """The chance of each score."""
        return np.asarray(np.interp(scores, self.scores, self.values), dtype=np.float64)


def reach_of(found: Sequence[Sequence[ScoredBox]], given: Sequence[Sequence[LabelledBox]]) -> float:
    """The share of given boxes that some found box of their label overlaps by half, each as far as
    it is likely right: how much it says of a box that nothing was found there."""
    chances: list[float] = []
    for row, own in zip(found, given, strict=True):
        shares = overlaps([box.box for box in row], [box.box for box in own], [False] * len(own))
        for at, box in enumerate(own):
            close = [one.score for one, share in zip(row, shares[:, at], strict=True)
                     if share >= HALF and one.label == box.label]  # fmt: skip
            chances += [] if box.difficult else [max(close, default=0.0)]
    return float(np.mean(chances)) if chances else 0.0


def _hits(
    found: Sequence[ScoredBox], given: Sequence[LabelledBox]
) -> Iterator[tuple[float, float]]:
    """The score of each found box, and 1 where it is right, else 0; none of difficult ones."""
    ranked = sorted(found, key=lambda box: -box.score)
    hard = [box.difficult for box in given]
    shares = overlaps([box.box for box in ranked], [box.box for box in given], hard)
    free = np.ones(len(given), dtype=bool)
    for at, box in enumerate(ranked):
        same = np.array([one.label == box.label for one in given], dtype=bool)
        close = same & (shares[at] >= HALF) if len(given) else same
        if (close & np.array(hard, dtype=bool)).any():
            continue
        open_to = np.flatnonzero(close & free)
        if len(open_to):
            free[open_to[int(shares[at][open_to].argmax())]] = False
        yield box.score, float(len(open_to) > 0)
