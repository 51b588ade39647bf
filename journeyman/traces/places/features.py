"""The feature cache: what frozen layers of any backbone made of the rows, and of copies of them."""

from __future__ import annotations

from journeyman.traces.places.base import PLACES, Place, Request


@PLACES.register("features")
class CachedRows(Place):
    """The shards and the index of the feature cache."""

    name = "features"
    rank = 3

    def clear(self, request: Request) -> int:
        """Delete the shards that hold them; other rows of these are computed again when asked."""
        inputs = request.removed.inputs
        return request.cache.forget(int(said, 16) for said in inputs) if inputs else 0
