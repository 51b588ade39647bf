"""The detector that knows nothing: alarms by chance, to be compared with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from journeyman.drift.coordinates import Array
from journeyman.drift.detectors.base import DETECTORS, Alarm, Detector, Rows

EACH = 10_000
"""Rows for one alarm, on average: as many as the others may be wrong in."""


@DETECTORS.register("dummy")
class Dummy(Detector):
    """An alarm once in ten thousand rows on average, whatever they are."""

    name = "dummy"
    view = "input"
    acts = False

    def __init__(self, seed: int = 0) -> None:
        self._seen, self._seed = 0, seed

    def begin(self, usual: Rows) -> None:
        """Nothing is learned."""

    def update(self, rows: Rows) -> Alarm | None:
        """See the contract."""
        draws = np.random.default_rng([self._seed, self._seen]).random(len(rows))
        self._seen += len(rows)
        hit = np.flatnonzero(draws < 1 / EACH)
        return Alarm(self.name, int(hit[0]), 1.0) if len(hit) else None

    def renew(self) -> None:
        """Nothing changes."""

    def kept(self) -> dict[str, Array]:
        """How many rows it has seen."""
        return {"seen": np.array([float(self._seen)])}

    def restore(self, kept: Mapping[str, Array]) -> None:
        """See the contract."""
        self._seen = int(kept["seen"][0])
