"""The files of a folder, always in the same order."""

from __future__ import annotations

import os
from pathlib import Path


def files_in(folder: Path) -> list[Path]:
    """Every file below a folder, sorted by its parts; links are followed, each folder once."""
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        found += [path for name in names if (path := Path(place, name)).is_file()]
    return sorted(found, key=lambda path: path.parts)
