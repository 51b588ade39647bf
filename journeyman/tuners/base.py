"""The contract of a tuner: where the trainable parameters of a backbone go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from journeyman.backbones.base import Backbone
from journeyman.registry import Registry


class TunerOptions(BaseModel):
    """What a recipe may say of a tuner; each tuner extends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tuner(ABC):
    """Bends a backbone above a cut without changing the backbone it was given.

    After `attach`, `parameters` are what the loop trains and `state` what is saved. The hooks
    (`extra_loss`, `after_step`, `planned_steps`, `loop_state`) let a method take part in the loop
    without the loop knowing it.
    """

    name: ClassVar[str]
    trains: ClassVar[bool] = True
    learning_rate: ClassVar[float] = 1e-4
    only_cut: ClassVar[int | None] = None
    """The one cut it works at, whatever the backbone, where there is one."""
    Options: ClassVar[type[TunerOptions]] = TunerOptions

    def __init__(self, options: TunerOptions, seed: int) -> None:
        self.options = options
        self.seed = seed
        self.planned_steps = 0

    @abstractmethod
    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """A backbone that shares the frozen weights and owns its modules above `cut`."""

    @abstractmethod
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The trainable parameters by name, sorted."""

    def state(self) -> dict[str, Tensor]:
        """What must be saved to have the tuned backbone again; copies, on the CPU."""
        return {
            name: value.detach().cpu().clone() for name, value in sorted(self.parameters().items())
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take a saved state back into the attached modules."""
        for name, parameter in self.parameters().items():
            parameter.data.copy_(state[name])

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the state under `folder`, in PEFT's format where the method is one of PEFT's."""

    @abstractmethod
    def restore(self, folder: Path) -> None:
        """Read what `save` wrote into the attached modules."""

    def default_cut(self, backbone: Backbone) -> int:
        """The cut that `auto` means for this tuner."""
        return backbone.spec.depth

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Why this backbone at this cut cannot be tuned so, or None when it can."""
        return None

    def extra_loss(self) -> Tensor | None:
        """A term added to the loss of each step, or None."""
        return None

    def after_step(self, step: int) -> None:
        """Called after each optimiser step, before gradients are cleared."""

    def loop_state(self) -> Mapping[str, Any]:
        """What a resumed loop must give back, beyond `state`; JSON values and tensors by name."""
        return {}

    def load_loop_state(self, state: Mapping[str, Any]) -> None:
        """Take back what `loop_state` gave."""


def size_of(parameters: Iterable[nn.Parameter]) -> int:
    """How many numbers `parameters` hold."""
    return sum(parameter.numel() for parameter in parameters)


TUNERS: Registry[type[Tuner]] = Registry("tuner", "journeyman.tuners")
