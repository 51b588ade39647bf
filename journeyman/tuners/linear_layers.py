"""The linear layers above a cut, which LoRA and its kin bend."""

from __future__ import annotations

from torch import nn

from journeyman.backbones.base import Backbone


def linear_names(backbone: Backbone, cut: int) -> list[str]:
    """Full names of the linear layers above the cut, sorted."""
    owned = backbone.layer_parameters(max(cut, 0))
    layers = {name.rsplit(".", 1)[0] for name in owned if not name.startswith("embeddings.")}
    return sorted(
        name
        for name, module in backbone.module.named_modules()
        if isinstance(module, nn.Linear) and name in layers
    )


def bent_names(backbone: Backbone, cut: int) -> list[str]:
    """Full names of what LoRA bends above the cut, sorted: linear layers, and convolutions that
    mix channels. Those of one channel each have few weights, and LoRA would have more."""
    whole = dict(backbone.module.named_modules())
    owned = {name.rpartition(".")[0] for name in backbone.layer_parameters(cut)}
    mixing = [n for n in owned if isinstance(whole[n], nn.Conv2d) and whole[n].groups == 1]
    return sorted({*linear_names(backbone, cut), *mixing})


def needs_a_layer(backbone: Backbone, cut: int) -> str | None:
    """Why nothing can be tuned above this cut, or None when there is a layer."""
    depth = backbone.spec.depth
    if cut < depth:
        return None
    return f"the cut leaves no layer to tune; it must be below the depth, {depth}"
