"""Full fine-tuning: every parameter of the layers above the cut is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from journeyman.backbones.base import Backbone
from journeyman.tensors import read_tensors, write_tensors
from journeyman.tuners.base import TUNERS, Tuner

FILE = "tuned.safetensors"


@TUNERS.register("full")
class FullTuner(Tuner):
    """Owns copies of the layers above the cut; layers below stay shared and frozen."""

    name = "full"
    learning_rate = 1e-4

    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """A clone whose upper layers are its own."""
        twin = backbone.clone(cut)
        self._parameters = dict(sorted(twin.layer_parameters(cut).items()))
        for parameter in self._parameters.values():
            parameter.requires_grad_(True)
        return twin

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """All parameters above the cut."""
        return self._parameters

    def save(self, folder: Path) -> None:
        """Write tuned.safetensors."""
        write_tensors(folder / FILE, self.state())

    def restore(self, folder: Path) -> None:
        """Read tuned.safetensors."""
        self.load(read_tensors(folder / FILE)[0])

    def default_cut(self, backbone: Backbone) -> int:
        """A third of the depth."""
        return backbone.spec.depth // 3
