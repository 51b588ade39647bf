"""The feature cache: what frozen layers of any backbone made of the rows, and of copies of them."""

from __future__ import annotations

from journeyman.traces.places.base import PLACES, Place, Request


@PLACES.register("features")
class CachedRows(Place):
    """The shards and the index of the feature cache."""

    name = "features"
    rank = 3

    def clear(self, request: Request) -> int:
        """Delete the shards that hold them; other rows of these are computed again when asked.

        What a request was about that was broken off is known by its salted hash alone.
        """
        removals, said = request.removals, request.removed.inputs
        inputs = {int(each, 16) for each in said}
        if not removals.begun_inputs <= set(map(removals.mac, said)):
            inputs |= {each for each in request.cache.sources() if removals.has_inputs(each)}
        return request.cache.forget(inputs) if inputs else 0
