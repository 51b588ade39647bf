"""A model that was taught, kept as a version, and let serve where the gate says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from journeyman.continual.taught import Taught
from journeyman.continual.update import Update
from journeyman.versions.store import Store


def keep_taught(store: Store, taught: Taught, came_from: Path | None) -> Update:
    """The update with its version, which is kept, and serves where the gate lets it.

    `came_from` is the folder of the model that was taught.
    """
    update = taught.update
    with store.alone():
        version = store.add(taught.state, update, came_from)
        if update.accepted:
            store.promote(version.version)
        else:
            store.refuse(version.version, *update.reasons)
    return replace(update, version=version.version)
