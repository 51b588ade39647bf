"""What became of each box, found or true: one verdict on every one of them.

The kinds of error are those of Bolya et al. (2020), "TIDE: a general toolbox for identifying object
detection errors", and so is the least overlap of a box that is there but badly placed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.box_overlap import overlaps
from journeyman.types import LabelledBox, ScoredBox

HALF = 0.5
"""The overlap from which a box is the same."""
TOUCHING = 0.1
"""The overlap from which it was meant to be."""

Kind = Literal["correct", "wrong label", "wrong bounds", "found twice", "spurious", "missed"]


@dataclass(frozen=True)
class Verdict:
    """On a found box, and the true one it is held against, if any; or on a missed true one."""

    kind: Kind
    found: ScoredBox | None
    true: LabelledBox | None
    overlap: float = 0.0


def verdicts(found: Sequence[ScoredBox], true: Sequence[LabelledBox]) -> list[Verdict]:
    """Verdicts on one picture: on found boxes by falling score, then on what was missed.

    A box goes to the true one of its label that it overlaps most, and only then to one of another
    label. There is none on difficult boxes, nor on what was found in their place.
    """
    return list(_Picture(found, true).judged())


class _Picture:
    def __init__(self, found: Sequence[ScoredBox], true: Sequence[LabelledBox]) -> None:
        self.found = sorted(found, key=lambda box: -box.score)
        self.true = list(true)
        self.hard = np.array([box.difficult for box in true], dtype=bool)
        self.shares = overlaps(
            [box.box for box in self.found], [box.box for box in true], self.hard.tolist()
        )
        labels = [
            np.array([box.label for box in side], dtype=object) for side in (self.found, true)
        ]
        self.same = labels[0][:, None] == labels[1][None, :]
        self.free = ~self.hard
        self.passed: dict[int, Verdict | None] = {}

    def judged(self) -> Iterator[Verdict]:
        """Each pass takes what the ones before it have left."""
        self._take("correct", lambda at: self.same[at] & self.free, HALF)
        self._pass_over_difficult()
        self._take("wrong label", lambda at: ~self.same[at] & self.free, HALF)
        self._take("wrong bounds", lambda at: self.same[at] & self.free, TOUCHING)
        self._take("found twice", lambda at: self.same[at] & ~self.hard, HALF)
        for at, box in enumerate(self.found):
            verdict = self.passed.get(at, Verdict("spurious", box, None))
            if verdict is not None:
                yield verdict
        for left in np.flatnonzero(self.free):
            yield Verdict("missed", None, self.true[left])

    def _take(self, kind: Kind, open_to: Callable[[int], NDArray[np.bool_]], least: float) -> None:
        for at, box in enumerate(self.found):
            shares = np.where(open_to(at), self.shares[at], -1.0)
            if at in self.passed or not len(shares) or shares.max() < least:
                continue
            # Of equals the last, as pycocotools has it.
            best = len(shares) - 1 - int(shares[::-1].argmax())
            self.passed[at] = Verdict(kind, box, self.true[best], float(shares[best]))
            self.free[best] = False

    def _pass_over_difficult(self) -> None:
        for at in range(len(self.found)):
            within = self.shares[at][self.same[at] & self.hard]
            if at not in self.passed and (within >= HALF).any():
                self.passed[at] = None
