"""How often answers are wrong, estimated from how sure they are, before any label comes.

Average thresholded confidence (Garg, Balakrishnan, Lipton, Neyshabur and Sedghi 2022): the
threshold is where, of rows whose labels are known, as many lie below it as are answered wrongly.
What lies below it of rows without labels is then the estimate. It holds as far as answers that go
wrong are less sure, on the new rows as on the old ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journeyman.types import Metric

WINDOW = 200


@dataclass(frozen=True)
class Threshold:
    """Below `value` an answer counts as wrong; `usual` is the share of wrong answers it was set by,
    over `rows` rows."""

    value: float
    usual: float
    rows: int

    @classmethod
    def of(cls, confidence: NDArray[np.float64], wrong: NDArray[np.bool_]) -> Threshold:
        """By rows whose labels are known: how sure each answer is [N], and whether it is wrong."""
        share = float(np.mean(wrong)) if len(wrong) else 0.0
        value = float(np.quantile(confidence, share)) if len(confidence) else 0.0
        return cls(value, share, len(confidence))


class ErrorEstimate:
    """The estimate over the last 200 rows."""

    def __init__(self, threshold: Threshold, below: Sequence[bool] = ()) -> None:
        self.threshold = threshold
        self.below: deque[bool] = deque(below, maxlen=WINDOW)

    def update(self, confidence: NDArray[np.float64]) -> None:
        """Take in how sure the answers to rows are, [B]."""
        self.below.extend((np.asarray(confidence) < self.threshold.value).tolist())

    def now(self) -> Metric:
        """The share of answers that are wrong; the interval is that of the window's sampling
        alone (Wilson, 95 %)."""
        return share_of(sum(self.below), len(self.below))


def share_of(hits: int, rows: int) -> Metric:
    """A share with its Wilson interval; None of no rows."""
    if not rows:
        return Metric(None)
    from scipy.stats import binomtest

    interval = binomtest(hits, rows).proportion_ci(method="wilson")
    return Metric(hits / rows, float(interval.low), float(interval.high), rows)
