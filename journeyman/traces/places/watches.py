"""Watches over models: rows as they came, and what detectors made of them."""

from __future__ import annotations

from pathlib import Path

from journeyman.traces.places.base import PLACES, Place, Request
from journeyman.traces.places.documents import clear_documents
from journeyman.traces.removed import Removed
from journeyman.watching.keeping import DETECTORS, NEXT, SUFFIX


@PLACES.register("watches")
class Watches(Place):
    """Folders `NAME.watch` of a run."""

    name = "watches"
    rank = 1

    def clear(self, request: Request) -> int:
        """Leave the rows out of each."""
        folders = [path for path in sorted(request.run.rglob(f"*{SUFFIX}")) if path.is_dir()]
        return sum(clear_watch(folder, request.removed) for folder in folders)


def clear_watch(folder: Path, removed: Removed) -> int:
    """Leave rows out of what a watch remembers and told, and delete what its detectors know: they
    begin anew with what the model's exam says is usual. Gives the number of traces."""
    known = [path for path in (folder / DETECTORS, folder / NEXT) if path.is_file()]
    for path in known:
        path.unlink()
    return len(known) + clear_documents(folder, removed)
