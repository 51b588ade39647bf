"""A backbone that is read when something is computed with it, not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from journeyman.backbones.base import Backbone, BackboneSpec


class _Awaited:
    """Knows `spec` and `options`; for everything else the network is read, once."""

    def __init__(
        self, spec: BackboneSpec, options: Mapping[str, Any], read: Callable[[], Backbone]
    ) -> None:
        self.spec = spec
        self.options = options
        self._read = read
        self._network: Backbone | None = None

    def __getattr__(self, name: str) -> Any:
        if self._network is None:
            self._network = self._read()
        return getattr(self._network, name)

    def check_cut(self, cut: int) -> int:
        """`cut` itself: of a model that was made with this network."""
        return cut


def awaited(
    spec: BackboneSpec, options: Mapping[str, Any], read: Callable[[], Backbone]
) -> Backbone:
    """What `read` gives, read when more than `spec` and `options` are asked for.

    Whoever only changes what a model has learned needs no network: reading one takes seconds.
    """
    return cast(Backbone, _Awaited(spec, options, read))
