"""What the next rung will cost, from seconds that were measured on the rungs before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from journeyman.training.cache.feature_cache import CacheStats
from journeyman.training.options import FinetuneOptions
from journeyman.training.rungs.base import Rung, Situation
from journeyman.training.trainer import Trained

BACKWARD = 3.0
"""A step of training against a forward pass of the same layers, until one has been measured."""


@dataclass(frozen=True)
class Costs:
    """Seconds for a row through a layer: `forward` frozen, `training` an epoch; and `after`,
    what solving and calibration took."""

    forward: float = 0.0
    training: float | None = None
    after: float = 0.0

    def predict(self, rung: Rung, options: FinetuneOptions, situation: Situation) -> float:
        """Seconds that the rung will take, as if nothing of its cut were cached."""
        cut = options.cut if isinstance(options.cut, int) else situation.depth
        rows = situation.rows + situation.validation_rows
        rate = BACKWARD * self.forward if self.training is None else self.training
        return rows * cut * self.forward + rate * rung.work(options, situation) + self.after

    def measured(
        self,
        rung: Rung,
        options: FinetuneOptions,
        situation: Situation,
        trained: Trained,
        before: CacheStats,
        after: CacheStats,
    ) -> Costs:
        """With what training a rung told; cached rows tell what they once took."""
        asked = after.rows_asked - before.rows_asked
        spent = after.seconds_computing - before.seconds_computing
        spent += after.seconds_saved - before.seconds_saved
        costs = replace(self, after=_after(trained))
        if asked and spent and trained.learner.cut:
            costs = replace(costs, forward=spent / (asked * trained.learner.cut))
        seconds, work = trained.seconds.get("training", 0.0), rung.work(options, situation)
        if trained.fitted is None or not work or not seconds:
            return costs
        done = work * len(trained.fitted.history) / options.epochs
        return replace(costs, training=seconds / done)


def _after(trained: Trained) -> float:
    return sum(trained.seconds.get(part, 0.0) for part in ("solving", "calibration"))
