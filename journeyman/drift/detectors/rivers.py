"""Detectors of the library river, on how sure the answers are: there to be compared with.

ADWIN (Bifet and Gavalda 2007), Page-Hinkley (Page 1954) and KSWIN (Raab, Heusinger and Schleif
2020), with that library's settings. They need the extra `drift`.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from journeyman.drift.coordinates import Array
from journeyman.drift.detectors.base import DETECTORS, Alarm, Detector, Rows
from journeyman.errors import MissingExtraError

REPLAYED = 2_000
"""Values that a detector is fed with again when it goes on: its own state is not written."""


class River(Detector):
    """One number a row, given to a detector of river; after an alarm it starts anew."""

    view = "confidence"
    acts = False

    def __init__(self) -> None:
        self._detector = self._made()
        self._values: list[float] = []

    @abstractmethod
    def _make(self, drift: Any) -> Any:
        """The library's detector, of its module `drift`."""

    def begin(self, usual: Rows) -> None:
        """Nothing is learned beforehand: these detectors compare what comes with what came."""
        self.renew()

    def update(self, rows: Rows) -> Alarm | None:
        """See the contract."""
        for at, value in enumerate(np.asarray(rows)[:, 0].tolist()):
            self._values.append(value)
            self._detector.update(value)
            if self._detector.drift_detected:
                self.renew()
                return Alarm(self.name, at, 1.0)
        del self._values[:-REPLAYED]
        return None

    def renew(self) -> None:
        """See the contract."""
        self._detector, self._values = self._made(), []

    def kept(self) -> dict[str, Array]:
        """The last values."""
        return {"values": np.array(self._values, dtype=np.float64)}

    def restore(self, kept: Mapping[str, Array]) -> None:
        """See the contract."""
        self.renew()
        self._values = kept["values"].tolist()
        for value in self._values:
            self._detector.update(value)

    def _made(self) -> Any:
        try:
            from river import drift
        except ImportError as error:
            raise MissingExtraError("river", "drift", f"The detector {self.name!r}") from error
        return self._make(drift)


@DETECTORS.register("adwin")
class Adwin(River):
    """Two parts of a window of any length differ in their mean."""

    name = "adwin"

    def _make(self, drift: Any) -> Any:
        return drift.ADWIN()


@DETECTORS.register("page-hinkley")
class PageHinkley(River):
    """The sum of what lies above or below the mean so far grows beyond bounds."""

    name = "page-hinkley"

    def _make(self, drift: Any) -> Any:
        return drift.PageHinkley()


@DETECTORS.register("kswin")
class Kswin(River):
    """The last values are distributed otherwise than those before, by Kolmogorov and Smirnov."""

    name = "kswin"

    def _make(self, drift: Any) -> Any:
        return SwiftKswin(drift.KSWIN(seed=0))


class SwiftKswin:
    """KSWIN with the settings, draws and alarms of the library's, whose test it does not run.

    Both samples have one size, so that the least difference that the test rejects is known
    beforehand: a row takes microseconds, where the library's takes more than half a millisecond.
    """

    def __init__(self, like: Any) -> None:
        self.size, self.part = int(like.window_size), int(like.stat_size)
        self.drift_detected = False
        self._window: deque[float] = deque(maxlen=self.size)
        self._random = random.Random(like.seed)
        self._limit = _least_rejected(self.part, float(like.alpha))

    def update(self, value: float) -> None:
        """Take in a value; `drift_detected` says what it led to."""
        self._window.append(value)
        if len(self._window) < self.size:
            return
        held = np.array(self._window)
        earlier = self.size - self.part
        drawn = np.sort(held[self._random.sample(range(earlier), self.part)])
        last = np.sort(held[earlier:])
        apart = np.searchsorted(drawn, held, "right") - np.searchsorted(last, held, "right")
        self.drift_detected = bool(np.abs(apart).max() >= self._limit)


@lru_cache
def _least_rejected(size: int, alpha: float) -> int:
    """Of two samples of one size, by how many values their distributions have to differ at some
    point for Kolmogorov and Smirnov's test at the level alpha; the library asks for a tenth too."""
    from scipy.stats import ks_2samp

    values = np.arange(size)
    for apart in range(size // 10 + 1, size):
        if ks_2samp(values, values + apart).pvalue <= alpha:
            return apart
    return size
