"""Tuners that own what they train of a network sharing all else, and keep it in one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from torch import nn

from journeyman.backbones.base import Backbone
from journeyman.tensors import read_tensors, write_tensors
from journeyman.tuners.base import Tuner


class OwningTuner(Tuner):
    """`attach` fills `_parameters`, by name and sorted; `file` is where they are kept."""

    file: ClassVar[str]
    _parameters: dict[str, nn.Parameter]

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """What the tuner owns."""
        return self._parameters

    def save(self, folder: Path) -> None:
        """Write the tuner's file."""
        write_tensors(folder / self.file, self.state())

    def restore(self, folder: Path) -> None:
        """Read the tuner's file."""
        self.load(read_tensors(folder / self.file)[0])

    def default_cut(self, backbone: Backbone) -> int:
        """A third of the depth."""
        return backbone.spec.depth // 3


def own(backbone: Backbone, names: Iterable[str]) -> dict[str, nn.Parameter]:
    """Put trainable copies in the place of the parameters `names`; gives them by name, sorted.

    `backbone` is a clone that shares its weights: its modules are its own, so what they are given
    is seen by nobody else.
    """
    owned = {}
    for name in sorted(names):
        place, _, attribute = name.rpartition(".")
        module = backbone.module.get_submodule(place)
        copy = nn.Parameter(getattr(module, attribute).detach().clone())
        setattr(module, attribute, copy)
        owned[name] = copy
    return owned
