"""The contract of an average: which mean of the trained weights is judged and kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from journeyman.registry import Registry


class AverageOptions(BaseModel):
    """What a recipe may say of an average; each extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Average(ABC):
    """A running mean of the trained parameters; it stands in for them at validation.

    Training itself goes on from the parameters, not from their mean. `taken` counts the steps
    that are in the mean.
    """

    name: ClassVar[str]
    Options: ClassVar[type[AverageOptions]] = AverageOptions

    def __init__(
        self, options: AverageOptions, parameters: Mapping[str, nn.Parameter], planned: int
    ) -> None:
        self.options = options
        self.parameters = parameters
        self.planned = planned
        self.taken = 0
        self._means: dict[str, Tensor] = {}

    @abstractmethod
    def share(self, step: int) -> float | None:
        """How much of the mean the weights after `step` (from 0) become; None: not taken in."""

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Take in the parameters as they stand after `step`."""
        share = self.share(step)
        if share is None:
            return
        if not self._means:
            self._means = {name: p.detach().clone() for name, p in self.parameters.items()}
        else:
            for name, parameter in self.parameters.items():
                self._means[name].lerp_(parameter.detach(), share)
        self.taken += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within, the parameters hold their mean, once there is one."""
        kept = {name: self.parameters[name].detach().clone() for name in self._means}
        self._put(self._means)
        try:
            yield
        finally:
            self._put(kept)

    def state(self) -> dict[str, Tensor]:
        """The means by parameter name, for a checkpoint; `taken` is kept beside them."""
        return dict(self._means)

    def load(self, means: Mapping[str, Tensor], taken: int) -> None:
        """Take back what `state` gave."""
        self._means = {
            name: value.clone().to(self.parameters[name].device) for name, value in means.items()
        }
        self.taken = taken

    @torch.no_grad()
    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.parameters[name].copy_(value)


AVERAGES: Registry[type[Average]] = Registry("average", "journeyman.training.averages")
