"""What there is to tell of the backbone."""

from __future__ import annotations

from journeyman.backbones.base import Backbone
from journeyman.section import Figure, Section


def loaded(backbone: Backbone) -> Section:
    """The chapter on the pretrained network."""
    spec = backbone.spec
    parameters = sum(p.numel() for p in backbone.module.parameters())
    return Section(
        step="pretrain",
        title="The pretrained backbone",
        prose=(
            f"{spec.name} was pretrained by others and is loaded as it is (licence "
            f"{spec.licence or 'not stated'}, from {spec.source}). Its SHA-256 is "
            f"{spec.sha256[:12]}; the features in the cache and the model are bound to it.",
        ),
        figures=(
            Figure(name="layers", value=spec.depth),
            Figure(name="width", value=spec.width),
            Figure(name="parameters", value=parameters),
        ),
    )
