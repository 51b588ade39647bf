"""The exponential moving average of the weights."""

from __future__ import annotations

from typing import cast

from pydantic import Field

from journeyman.training.averages.base import AVERAGES, Average, AverageOptions


class EmaOptions(AverageOptions):
    """What a recipe may say of the moving average."""

    decay: float = Field(0.99, gt=0, lt=1, description="Share of the mean that a step leaves.")


@AVERAGES.register("ema")
class Ema(Average):
    """Recent steps count most, older ones fade (Tarvainen and Valpola, 2017, "Mean teachers").

    The decay rises from 0.1 with the steps taken, so the first weights are soon forgotten.
    """

    name = "ema"
    Options = EmaOptions

    def share(self, step: int) -> float:
        """One less the decay."""
        decay = cast(EmaOptions, self.options).decay
        return 1.0 - min(decay, (1 + self.taken) / (10 + self.taken))
