"""Balance: targets scaled so that rare classes count, within each value of a column if asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from torch import Tensor

from journeyman.errors import JourneymanError
from journeyman.tasks.base import Encoded
from journeyman.training.examples import Examples


class Balance(BaseModel):
    """How far rare classes are raised, and among which rows they are rare."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    power: float = Field(
        1.0,
        gt=0,
        le=1,
        description="1: every class weighs the same in all; between: the less common the more, "
        "but not all the way.",
    )
    within: str | None = Field(
        None,
        description="A column of `data.slices`: classes are balanced among the rows of each of "
        "its values, as each has its own common classes. The column isn't needed to predict.",
    )


def _spelled(said: Any) -> Any:
    """A number alone is the power."""
    return {"power": said} if isinstance(said, int | float) and not isinstance(said, bool) else said


BalanceChoice = Annotated[Balance, BeforeValidator(_spelled)]


@dataclass(frozen=True)
class ClassWeights:
    """What the targets of a row are scaled by: `table` {value of `within`: weights [C]}, and
    `everyone` for a value that no training row has."""

    within: str | None
    table: Mapping[str, Tensor]
    everyone: Tensor

    def scaled(self, examples: Examples) -> Examples:
        """The rows with their target columns [N, C] scaled."""
        rows = [self.table.get(name, self.everyone) for name in _groups(examples, self.within)]
        weights = torch.stack(rows) if rows else torch.zeros(0, len(self.everyone))
        return replace(examples, encoded=Encoded(_matrix(examples) * weights))

    def rearranged(self, columns: Sequence[int | None]) -> ClassWeights:
        """Weights of classes in these places: where one was, or None for a new one, which weighs
        1."""

        def moved(weights: Tensor) -> Tensor:
            return torch.stack([weights.new_ones(()) if c is None else weights[c] for c in columns])

        table = {name: moved(weights) for name, weights in self.table.items()}
        return ClassWeights(self.within, table, moved(self.everyone))

    def to_json(self) -> dict[str, Any]:
        """The weights as a model keeps them, so that rows it is taught later weigh the same."""
        table = {name: weights.tolist() for name, weights in self.table.items()}
        return {"within": self.within, "weights": table, "others": self.everyone.tolist()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> ClassWeights:
        """Read what `to_json` wrote."""
        table = {name: torch.tensor(weights) for name, weights in saved["weights"].items()}
        return cls(saved["within"], table, torch.tensor(saved["others"]))


def class_weights(train: Examples, balance: Balance) -> ClassWeights:
    """Weights of classes from the training rows.

    Class c of weight share p among the rows of one value weighs (1 / (C p)) ** power, scaled so
    that the targets of these rows add up to what they did. Scaled targets make cross-entropy the
    weighted one, and a solved head predict weighted probabilities from statistics that still
    add up. Balancing within groups and classes is the reweighted baseline of Sagawa et al.
    (2020), "Distributionally robust neural networks".
    """
    targets = _matrix(train)
    groups = np.array(_groups(train, balance.within), dtype=object)
    table = {
        name: _weights(targets[torch.from_numpy(groups == name)], balance.power)
        for name in sorted(set(groups.tolist()))
    }
    return ClassWeights(balance.within, table, _weights(targets, balance.power))


def _groups(examples: Examples, within: str | None) -> Sequence[str]:
    if within is None:
        return [""] * len(examples)
    if within in examples.slices:
        return examples.slices[within]
    raise JourneymanError(
        "The column to balance classes within is not at hand.",
        place="finetune.balance.within",
        expected="a column of data.slices: " + (", ".join(examples.slices) or "none given"),
        found=within,
        remedy="name the column in data.slices too, or leave `within` out",
    )


def _matrix(examples: Examples) -> Tensor:
    if examples.encoded is None or not isinstance(examples.encoded.rows, Tensor):
        raise ValueError("only rows with one target a class can be balanced")
    return examples.encoded.rows


def _weights(targets: Tensor, power: float) -> Tensor:
    """[C] weights from targets [N, C]; a class nobody has weighs 1."""
    share = targets.double().sum(0) / targets.double().sum().clamp(min=1e-12)
    weights = torch.where(share > 0, (share * len(share)).clamp(min=1e-12) ** -power, 1.0)
    return (weights / (weights * share).sum().clamp(min=1e-12)).float()
