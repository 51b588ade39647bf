"""Taking removed rows out of all that a run keeps, and keeping them from coming back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journeyman.data.identity import input_hash, row_id
from journeyman.data.removals import Removals
from journeyman.run_folder.journal import FILE as JOURNAL
from journeyman.run_folder.lock import alone_in
from journeyman.run_folder.stamp import FILE as STAMP
from journeyman.saved.manifest import MANIFEST
from journeyman.traces.known import table_without, widened
from journeyman.traces.places.base import Request, in_order
from journeyman.traces.places.leftovers import remove, unfinished
from journeyman.traces.places.watches import clear_watch
from journeyman.traces.removed import Removed
from journeyman.traces.scan import left_in
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.watching.keeping import beside as beside_model


@dataclass(frozen=True)
class Purged:
    """What was done: traces taken away by place, and files in which a row still stands.

    `left` are files that no place sees to, such as a model that has not forgotten the rows. `known`
    is what the tables told of the rows; it is for the caller, and in no record.
    """

    places: dict[str, int] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    known: Removed = field(default_factory=Removed, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Counts and names of files, as the command prints them."""
        return {"places": self.places, "left": list(self.left)}


def run_of(folder: Path) -> Path | None:
    """The run's folder that `folder` is, or whose model it is; None for a model elsewhere."""
    for run in (folder, folder.parent, folder.parent.parent):
        carried = run / "transfer"
        if (run / JOURNAL).is_file() and folder in (run, run / "model", carried, carried / "model"):
            return run
    return None


def known_rows(folder: Path, removed: Removed) -> Removed:
    """The rows with what the run's tables tell of them: to be asked before a model forgets them,
    so that it forgets every row that reads the same."""
    run = run_of(folder)
    return removed if run is None else widened(run, removed, Removals.read(run))


def broken_off(folder: Path) -> bool:
    """Whether a request to the run that `folder` is, or belongs to, was broken off."""
    run = run_of(folder.absolute())
    return run is not None and Removals.read(run).unfinished


def announce(folder: Path, removed: Removed) -> None:
    """Note in the run that these rows are to go, before a model forgets them: broken off after
    that, a `purge` of no rows completes it."""
    run = run_of(folder.absolute())
    if run is not None:
        with alone_in(run):
            _announced(run, removed)


def purge(folder: Path, removed: Removed, cache: FeatureCache | None = None) -> Purged:
    """Leave nothing of the rows in the run that `folder` is or belongs to, nor in the cache.

    The run's own model is not changed: the caller has it forget the rows and saves it first. The
    user's source files are never touched; `removals.json`, written first, keeps the rows from
    being read from them again. Broken off at any moment, the same call completes it. Raises
    ResourceError while another process is in the run's folder.
    """
    folder = folder.absolute()
    store = cache or FeatureCache()
    try:
        run = run_of(folder)
        if run is None:
            return _of_model(folder, removed, store)
        with alone_in(run):
            return _of_run(run, folder, removed, store)
    finally:
        if cache is None:
            store.close()


def _of_run(run: Path, folder: Path, removed: Removed, cache: FeatureCache) -> Purged:
    known, removals = _announced(run, removed)
    models = [path for path in (folder, folder / "model") if (path / MANIFEST).is_file()]
    request = Request(run, known, removals, cache, next(iter(models), None))
    places = {place.name: place.clear(request) for place in in_order()}
    found = left_in(run, known)
    left = [path for path in found if not table_without(run, path, known, removals)]
    removals.all_done().write(run)
    return Purged(places, tuple(path.relative_to(run).as_posix() for path in left), known)


def _announced(run: Path, removed: Removed) -> tuple[Removed, Removals]:
    """All that the run tells of the rows, and its removals with them among these, written."""
    (run / STAMP).unlink(missing_ok=True)
    removals = Removals.read(run)
    known = widened(run, removed, removals)
    inputs = known.inputs | {row_id(input_hash((text,))) for text in known.texts}
    removals = removals.including(known.ids, inputs)
    removals.write(run)
    return Removed(known.ids, inputs, known.texts), removals


def _of_model(folder: Path, removed: Removed, cache: FeatureCache) -> Purged:
    """Of a model that stands alone: what a kill left beside it, and the cache."""
    beside = [path for path in unfinished_beside(folder) if path.exists()]
    for path in beside:
        remove(path)
    found = cache.forget(int(said, 16) for said in removed.inputs) if removed.inputs else 0
    watch = beside_model(folder)
    watched = clear_watch(watch, removed) if watch.is_dir() else 0
    left = left_in(folder, removed)
    names = tuple(path.relative_to(folder).as_posix() for path in left)
    places = {"leftovers": len(beside), "features": found, "watches": watched}
    return Purged(places, names, removed)


def unfinished_beside(folder: Path) -> list[Path]:
    """What a killed save of a model left: beside its folder, and in it."""
    name = f".{folder.name}."
    beside = [p for p in folder.parent.glob(f"{name}*") if p.suffix in (".new", ".old", ".part")]
    return [*beside, *unfinished(folder)]


__all__ = ["Purged", "Removed", "announce", "broken_off", "known_rows", "purge", "run_of"]
