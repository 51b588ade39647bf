"""The plain mean of the weights over the last part of training."""

from __future__ import annotations

from typing import cast

from pydantic import Field

from journeyman.training.averages.base import AVERAGES, Average, AverageOptions


class SwaOptions(AverageOptions):
    """What a recipe may say of stochastic weight averaging."""

    start: float = Field(
        0.5, ge=0, lt=1, description="Share of the planned steps before the mean begins."
    )


@AVERAGES.register("swa")
class Swa(Average):
    """Every step from `start` on counts alike (Izmailov et al., 2018, "SWA"; its cycle is 1).

    It asks for weights that go on moving: a `constant` schedule, as in the paper, suits it.
    """

    name = "swa"
    Options = SwaOptions

    def share(self, step: int) -> float | None:
        """The newest of `taken + 1` alike."""
        if step < cast(SwaOptions, self.options).start * self.planned:
            return None
        return 1.0 / (self.taken + 1)
