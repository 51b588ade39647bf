"""Group DRO: the groups a model does worst on weigh most (Sagawa et al., 2020).

Sagawa, Koh, Hashimoto, Liang, "Distributionally robust neural networks for group shifts". A
group's weight grows by the exponential of its loss, step by step; a step minimises the weighted
sum of the losses of its groups, weights as they stood before it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from journeyman.errors import JourneymanError
from journeyman.training.examples import Examples
from journeyman.training.parts import Indices


class RobustOptions(BaseModel):
    """What a recipe may say of Group DRO."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: str = Field(description="Column of `data.slices` whose values are the groups.")
    rate: float = Field(0.01, gt=0, description="How fast weights follow the losses.")


class GroupWeights:
    """The weight of each group, and which rows are of it."""

    def __init__(self, options: RobustOptions, examples: Examples) -> None:
        if options.groups not in examples.slices:
            raise JourneymanError(
                "The groups to be robust between are not at hand.",
                place="finetune.robust.groups",
                expected="a column of data.slices: " + (", ".join(examples.slices) or "none given"),
                found=options.groups,
                remedy="name the column in data.slices too",
            )
        self.rate = options.rate
        names, codes = np.unique(np.array(examples.slices[options.groups]), return_inverse=True)
        self.names: tuple[str, ...] = tuple(map(str, names))
        self.codes: Indices = codes.astype(np.int64)
        self.weights: NDArray[np.float64] = np.full(len(names), 1 / len(names))

    def of(self, rows: Indices) -> dict[int, Indices]:
        """The positions in `rows` of each group that is among them."""
        codes = self.codes[rows]
        return {int(code): np.flatnonzero(codes == code) for code in np.unique(codes)}

    def shares(self, batch: Indices) -> dict[int, float]:
        """The weights of the groups of a step, adding up to 1."""
        present = list(self.of(batch))
        whole = float(self.weights[present].sum())
        return {code: float(self.weights[code]) / whole for code in present}

    def follow(self, losses: Mapping[int, float]) -> None:
        """Let the weights grow by each group's loss in a step."""
        for code, loss in losses.items():
            self.weights[code] *= np.exp(self.rate * loss)
        self.weights /= self.weights.sum()

    def state(self) -> dict[str, float]:
        """The weights by name, as a checkpoint keeps them."""
        return dict(zip(self.names, self.weights.tolist(), strict=True))

    def load(self, state: Mapping[str, float]) -> None:
        """Take back what `state` gave."""
        self.weights = np.array([state[name] for name in self.names])
