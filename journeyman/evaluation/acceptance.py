"""From a rate of false accepts that one is ready to bear to the score at which a pair passes.

A threshold for one false pair in a thousand cannot be read off a few hundred pairs. Beyond their
highest tenth, scores of false pairs fall off about exponentially (the simplest of the tails of
Pickands, 1975, "Statistical inference using extreme order statistics"), which carries on to rates
that were not seen. `slope` and `offset` make log odds of a score, as for two normal distributions
of one variance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from journeyman.errors import JourneymanError
from journeyman.evaluation.intervals import Array

SHARE = 0.1
"""The part of the false pairs, the most alike, that tell the tail; rates above are not offered."""
USUAL = 0.01
"""The share of false pairs that are accepted where nothing else is asked for."""
FEWEST = 20
"""False pairs below which there is no tail to be told."""


@dataclass(frozen=True)
class Acceptance:
    """`above` is exceeded by `SHARE` of the false pairs, by `excess` in the mean."""

    above: float
    excess: float
    slope: float
    offset: float

    @classmethod
    def of(cls, genuine: Array, impostors: Array) -> Acceptance | None:
        """From scores of true and of false pairs; None where there are too few."""
        if len(impostors) < FEWEST or len(genuine) < 2:
            return None
        above = float(np.quantile(impostors, 1.0 - SHARE))
        excess = max(float((impostors[impostors >= above] - above).mean()), 1e-6)
        spread = (genuine.var() * len(genuine) + impostors.var() * len(impostors)) / (
            len(genuine) + len(impostors)
        )
        apart = float(genuine.mean() - impostors.mean())
        slope = max(apart, 0.0) / max(float(spread), 1e-9)
        middle = float(genuine.mean() + impostors.mean()) / 2
        return cls(above, excess, slope, -slope * middle)

    @classmethod
    def from_json(cls, saved: Mapping[str, float]) -> Acceptance:
        """Read what `to_json` wrote."""
        return cls(**saved)

    def to_json(self) -> dict[str, float]:
        """As calibration.json holds it."""
        return asdict(self)

    def threshold(self, rate: float) -> float:
        """The score that `rate` of the false pairs reach."""
        return self.above + self.excess * math.log(SHARE / rate)

    def log_odds(self, scores: Array) -> Array:
        """How much likelier each score is for one person's pictures than for two people's."""
        odds: Array = self.slope * scores + self.offset
        return odds


def check_rate(rate: float) -> float:
    """The rate itself; a JourneymanError unless a threshold can be had for it."""
    if 0.0 < rate <= SHARE:
        return rate
    raise JourneymanError(
        "There is no threshold for such a rate of false accepts.",
        place="false_accepts",
        expected=f"a share above 0 and at most {SHARE:g}",
        found=f"{rate:g}",
        remedy=f"leave it out ({USUAL:g}), or give one such as 0.001",
    )
