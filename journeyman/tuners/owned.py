"""Chosen parameters of a network that shares all others, made its own."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from journeyman.backbones.base import Backbone


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
