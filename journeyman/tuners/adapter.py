"""Bottleneck adapters after the two halves of each layer above the cut (Houlsby et al., 2019)."""

from __future__ import annotations

from typing import Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from journeyman.backbones.base import Backbone
from journeyman.tuners.base import TUNERS, TunerOptions
from journeyman.tuners.linear_layers import linear_names, needs_a_layer
from journeyman.tuners.owned import OwningTuner, own

CHILD = "adapter"
PROJECTIONS = (
    "output.dense",
    "attention.out_lin",
    "ffn.lin2",
    "attention.attn.o",
    "attn.Wo",
    "mlp.Wo",
    "attention.dense",
    "ffn_output",
    "attention.o_proj",
    "mlp.fc2",
    "pwconv2",
)
"""How the linear layers that project attention and feed-forward back to the width are called."""


class AdapterOptions(TunerOptions):
    """What a recipe may say of bottleneck adapters."""

    size: int = Field(64, ge=1, le=4096, description="Width of each bottleneck.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout within each bottleneck.")


class Bottleneck(nn.Module):
    """Down to a narrow width, a GELU, and up again; nought at first, so the layer is as it was."""

    def __init__(self, width: int, size: int, dropout: float) -> None:
        super().__init__()
        self.down = nn.Linear(width, size)
        self.drop = nn.Dropout(dropout)
        self.up = nn.Linear(size, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """What is added to [B, T, D]."""
        added: Tensor = self.up(self.drop(nn.functional.gelu(self.down(hidden))))
        return added


@TUNERS.register("adapter")
class AdapterTuner(OwningTuner):
    """Adds to the two projections of each layer, before the layer's own residual and norm.

    As in the paper, the layer norms above the cut are trained too. Adapters are children of the
    linear layers they stand behind, so every name of the network stays as it is.
    """

    name = "adapter"
    learning_rate = 1e-3
    file = "adapters.safetensors"
    Options = AdapterOptions

    def attach(self, backbone: Backbone, cut: int) -> Backbone:
        """A clone that shares every weight, owns its layer norms and carries adapters."""
        options = cast(AdapterOptions, self.options)
        twin = backbone.clone(None)
        self._parameters = own(twin, norm_names(twin, cut))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            for name in projection_names(twin, cut):
                self._insert(twin.module.get_submodule(name), name, options)
        self._parameters = dict(sorted(self._parameters.items()))
        return twin

    def _insert(self, projection: nn.Module, name: str, options: AdapterOptions) -> None:
        width = cast(nn.Linear, projection).out_features
        bottleneck = Bottleneck(width, options.size, options.dropout)
        projection.add_module(CHILD, bottleneck.train(projection.training))
        projection.register_forward_hook(_add)
        for part, parameter in bottleneck.named_parameters():
            self._parameters[f"{name}.{CHILD}.{part}"] = parameter

    def permits(self, backbone: Backbone, cut: int) -> str | None:
        """Any cut that leaves a layer, of a family whose projections are known."""
        reason = needs_a_layer(backbone, cut)
        if reason is None and not projection_names(backbone, cut):
            reason = f"it is not known where the layers of {backbone.spec.name} project back"
        return reason


def projection_names(backbone: Backbone, cut: int) -> list[str]:
    """The names of the linear layers that adapters stand behind, sorted."""
    ends = tuple(f".{name}" for name in PROJECTIONS)
    return [name for name in linear_names(backbone, cut) if name.endswith(ends)]


def norm_names(backbone: Backbone, cut: int) -> list[str]:
    """The names of the parameters of the layer norms above the cut."""
    modules = dict(backbone.module.named_modules())
    return [
        name
        for name in backbone.layer_parameters(cut)
        if type(modules[name.rpartition(".")[0]]).__name__.endswith("LayerNorm")
    ]


def _add(projection: nn.Module, _args: Any, output: Tensor) -> Tensor:
    """A forward hook that finds the adapter in its own module, so that clones keep theirs."""
    adapter = cast(Bottleneck, projection.get_submodule(CHILD))
    bent: Tensor = output + adapter(output)
    return bent
