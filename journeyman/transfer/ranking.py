"""Which model is the best start for new data, told before anything is trained on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from journeyman.transfer.features import StartFeatures
from journeyman.transfer.logme import logme
from journeyman.transfer.new_data import Indices


@dataclass(frozen=True)
class Ranked:
    """One start: its LogME, and its head's metric and squared error on labelled rows left out.

    `seconds` are what judging took once the features were there.
    """

    name: str
    logme: float
    left_out: float
    error: float
    basis: str
    seconds: float


def rank(starts: Sequence[StartFeatures], rows: Indices, metric: str) -> list[Ranked]:
    """The starts, best first, by the error of the labelled `rows` left out.

    The error is exact for the very head that would be saved; LogME stands beside it.
    """
    return sorted((_ranked(start, rows, metric) for start in starts), key=lambda each: each.error)


def _ranked(start: StartFeatures, rows: Indices, metric: str) -> Ranked:
    began = time.perf_counter()
    fit = start.fit(rows, metric)
    outputs = list(fit.left_out.float().numpy())
    targets = [start.learned.targets[at] for at in rows]
    score = start.data.task.score(outputs, targets, start.data.schema, metric)
    plain = next(learned for basis, learned, _ in start.bases if basis.prior is None)
    evidence = logme(plain[rows], start.targets[rows])
    seconds = time.perf_counter() - began
    return Ranked(start.start.name, evidence, score, fit.error, fit.basis.name, seconds)
