"""The model that transfer made: it started from one that knew the rows, or learned them itself."""

from __future__ import annotations

from journeyman.traces.places.base import PLACES, Place, Request
from journeyman.traces.places.leftovers import remove


@PLACES.register("transfer")
class Transferred(Place):
    """The folder `transfer/model/` of a run."""

    name = "transfer"
    rank = 1

    def clear(self, request: Request) -> int:
        """Delete it, unless it is the very model that forgot them; the next run makes it anew."""
        folder = request.run / "transfer" / "model"
        kept = request.model is not None and request.model.resolve() == folder.resolve()
        if kept or not folder.is_dir():
            return 0
        remove(folder)
        return 1
