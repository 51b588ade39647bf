"""BitFit: only the biases above the cut are trained (Ben Zaken, Goldberg and Ravfogel, 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from journeyman.backbones.base import Backbone
from journeyman.tensors import read_tensors, write_tensors
from journeyman.tuners.base import TUNERS, Tuner
from journeyman.tuners.linear_layers import needs_a_layer
from journeyman.tuners.owned import own

FILE = "biases.safetensors"


@TUNERS.register("bitfit")
class BitFitTuner(Tuner):
    """Owns the biases of the layers above the cut, those of layer norms too; weights are shared."""

    name = "bitfit"
    learning_rate = 2e-3

    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """A clone that shares every weight and owns its biases above the cut."""
        twin = backbone.clone(None)
        self._parameters = own(twin, bias_names(backbone, cut))
        return twin

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The biases."""
        return self._parameters

    def save(self, folder: Path) -> None:
        """Write biases.safetensors."""
        write_tensors(folder / FILE, self.state())

    def restore(self, folder: Path) -> None:
        """Read biases.safetensors."""
        self.load(read_tensors(folder / FILE)[0])

    def default_cut(self, backbone: Backbone) -> int:
        """A third of the depth."""
        return backbone.spec.depth // 3

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Any cut that leaves a layer with biases: ModernBERT has none."""
        reason = needs_a_layer(backbone, cut)
        if reason is None and not bias_names(backbone, cut):
            reason = f"the layers of {backbone.spec.name} have no biases to train"
        return reason


def bias_names(backbone: Backbone, cut: int) -> list[str]:
    """The names of the biases above the cut, sorted."""
    return sorted(name for name in backbone.layer_parameters(cut) if name.endswith("bias"))
