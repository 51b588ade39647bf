"""The contract of a detector of drift: what it watches, and when it says that something moved.

Shapes: B rows that arrive together, D numbers of each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from journeyman.drift.coordinates import Array, Coordinates
from journeyman.drift.shift import SETTLES, STEP, Normal, Shift
from journeyman.registry import Registry

Rows = NDArray[np.floating[Any]]
View = Literal["input", "answers", "confidence", "labels"]
"""What is seen of a row: its frozen features, the probabilities of the answer, how sure the answer
is, or, once its label came, that label and whether the answer was wrong."""


@dataclass(frozen=True)
class Alarm:
    """A detector's word that something moved: after which of the rows it was given (from 0), and
    how strongly, 1 being just enough."""

    detector: str
    at: int
    strength: float


class Detector(ABC):
    """Watches one view of rows as they come. `acts` is whether its alarms lead to anything where
    detectors are not named; the others are there to be compared with."""

    name: ClassVar[str]
    view: ClassVar[View]
    acts: ClassVar[bool] = True

    strength: float = 0.0
    """How near to an alarm it is now; from 1 on it is one."""

    @abstractmethod
    def begin(self, usual: Rows) -> None:
        """Learn what is usual from rows [N, D]; of none, from the first that come."""

    @abstractmethod
    def update(self, rows: Rows) -> Alarm | None:
        """Take in rows [B, D] in their order; the first alarm among them, if any."""

    @abstractmethod
    def renew(self) -> None:
        """From now on, what comes is the new normal."""

    @abstractmethod
    def kept(self) -> dict[str, Array]:
        """All that it needs to go on later, as arrays; it does not grow."""

    @abstractmethod
    def restore(self, kept: Mapping[str, Array]) -> None:
        """Go on from what `kept` gave."""


DETECTORS: Registry[type[Detector]] = Registry("detector", "journeyman.drift.detectors")

OF_STREAM = 4
"""Rows of a stream that say as much about its mean as one drawn by itself: neighbours are alike."""
ENOUGH = 2_000
"""Rows after which a new normal stays as it is."""


class MeanShift(Detector):
    """Whether the mean of the rows has moved; alarms from `limit` standard deviations on.

    A new normal is the mean of the next rows, and goes on being refined while nothing happens.
    """

    limit: ClassVar[float] = 22.0

    def __init__(self) -> None:
        self.coordinates: Coordinates | None = None
        self.shift: Shift | None = None
        self._first = np.zeros((0, 0))
        self._sum = self._squares = np.zeros(0)
        self._count = ENOUGH

    def begin(self, usual: Rows) -> None:
        """See the contract."""
        self.coordinates = self.shift = None
        if len(usual) >= SETTLES // 2:
            self.coordinates = Coordinates.of(usual)
            self.shift = Shift(Normal.of(self.coordinates.place(usual)))
            self._count = ENOUGH
        else:
            self._first = np.asarray(usual, dtype=np.float64)
            self._count = 0

    def update(self, rows: Rows) -> Alarm | None:
        """See the contract."""
        if self.coordinates is None:
            rows = self._gathered(rows)
        if self.coordinates is None or self.shift is None or not len(rows):
            return None
        placed = self.coordinates.place(rows)
        if self._count < SETTLES:
            placed = self._settled(placed)
        held = len(self.shift.rest)
        found = self.shift.update(placed)
        if not len(found):
            return None
        over = np.flatnonzero(found >= self.limit)
        self.strength = float(found[-1]) / self.limit
        if not len(over):
            self._refine(placed)
            return None
        step = int(over[0])
        at = len(rows) - len(placed) + (step + 1) * STEP - held - 1
        self.strength = float(found[step]) / self.limit
        return Alarm(self.name, at, self.strength)

    def renew(self) -> None:
        """See the contract."""
        if self.shift is None or self.coordinates is None:
            return
        width, self.strength = self.coordinates.count, 0.0
        self._sum, self._squares, self._count = np.zeros(width), np.zeros(width), 0
        self.shift.empty()

    def kept(self) -> dict[str, Array]:
        """See the contract."""
        if self.coordinates is None or self.shift is None:
            return {"first": self._first}
        about = np.array([float(self._count), self.strength])
        return {
            "centre": self.coordinates.centre,
            "axes": self.coordinates.axes,
            "sum": self._sum,
            "squares": self._squares,
            "counted": about,
            **{f"shift/{name}": value for name, value in self.shift.tensors().items()},
        }

    def restore(self, kept: Mapping[str, Array]) -> None:
        """See the contract."""
        if "first" in kept:
            self.begin(kept["first"])
            return
        self.coordinates = Coordinates(kept["centre"], kept["axes"])
        window = {
            name.removeprefix("shift/"): value
            for name, value in kept.items()
            if name.startswith("shift/")
        }
        self.shift = Shift.restored(window)
        self._sum, self._squares = kept["sum"], kept["squares"]
        count, self.strength = kept["counted"].tolist()
        self._count = int(count)

    def _gathered(self, rows: Rows) -> Rows:
        """Keep the first rows until they are enough to say what is usual; gives those beyond."""
        room = max(SETTLES - len(self._first), 0)
        first = np.asarray(rows[:room], dtype=np.float64)
        self._first = first if not len(self._first) else np.concatenate([self._first, first])
        if len(self._first) >= SETTLES:
            usual = self._first
            self.begin(usual)
            if self.shift is not None:
                self.shift.normal.rows = max(len(usual) // OF_STREAM, 2)
        return rows[room:]

    def _settled(self, placed: Array) -> Array:
        """Make a new normal of the first rows; gives those beyond."""
        room = SETTLES - self._count
        self._absorb(placed[:room])
        return placed[room:]

    def _refine(self, placed: Array) -> None:
        if self._count < ENOUGH and self.strength < 0.5:
            self._absorb(placed)

    def _absorb(self, placed: Array) -> None:
        self._sum = self._sum + placed.sum(axis=0)
        self._squares = self._squares + (placed**2).sum(axis=0)
        self._count += len(placed)
        if self.shift is None or self._count < SETTLES:
            return
        mean = self._sum / self._count
        spread = float((self._squares / self._count - mean**2).mean())
        self.shift.normal = Normal(mean, spread, self._count // OF_STREAM)
