"""Trainings that were not brought to their end: what they learned, they learned from the rows."""

from __future__ import annotations

from journeyman.traces.places.base import PLACES, Place, Request
from journeyman.traces.places.leftovers import remove


@PLACES.register("checkpoints")
class Checkpoints(Place):
    """The folder `checkpoints/` of a run."""

    name = "checkpoints"
    rank = 1

    def clear(self, request: Request) -> int:
        """Delete all of them: the next run begins those trainings anew, without the rows."""
        folder = request.run / "checkpoints"
        count = sum(path.is_file() for path in folder.rglob("*"))
        if folder.is_dir():
            remove(folder)
        return count
