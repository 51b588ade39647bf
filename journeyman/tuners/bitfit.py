"""BitFit: only the biases above the cut are trained (Ben Zaken, Goldberg and Ravfogel, 2022)."""

from __future__ import annotations

from journeyman.backbones.base import Backbone
from journeyman.tuners.base import TUNERS
from journeyman.tuners.linear_layers import needs_a_layer
from journeyman.tuners.owned import OwningTuner, own


@TUNERS.register("bitfit")
class BitFitTuner(OwningTuner):
    """Owns the biases of the layers above the cut, those of layer norms too; weights are shared."""

    name = "bitfit"
    learning_rate = 2e-3
    file = "biases.safetensors"

    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """A clone that shares every weight and owns its biases above the cut."""
        twin = backbone.clone(None)
        self._parameters = own(twin, bias_names(backbone, cut))
        return twin

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Any cut that leaves a layer with biases: ModernBERT has none."""
        reason = needs_a_layer(backbone, cut)
        if reason is None and not bias_names(backbone, cut):
            reason = f"the layers of {backbone.spec.name} have no biases to train"
        return reason


def bias_names(backbone: Backbone, cut: int) -> list[str]:
    """The names of the biases above the cut, sorted."""
    return sorted(name for name in backbone.layer_parameters(cut) if name.endswith("bias"))
