"""Full fine-tuning: every parameter of the layers above the cut is trained."""

from __future__ import annotations

from journeyman.backbones.base import Backbone
from journeyman.tuners.base import TUNERS
from journeyman.tuners.owned import OwningTuner


@TUNERS.register("full")
class FullTuner(OwningTuner):
    """Owns copies of the layers above the cut; layers below stay shared and frozen."""

    name = "full"
    learning_rate = 1e-4
    file = "tuned.safetensors"

    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """A clone whose upper layers are its own."""
        twin = backbone.clone(cut)
        self._parameters = dict(sorted(twin.layer_parameters(cut).items()))
        for parameter in self._parameters.values():
            parameter.requires_grad_(True)
        return twin
