"""What a kill left unfinished, or renamed aside."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from journeyman.traces.places.base import PLACES, Place, Request

_UNFINISHED = re.compile(r"^\..*\.(part|new|old|tmp)$|\.narrow$")


@PLACES.register("leftovers")
class Leftovers(Place):
    """Files and folders beside their places: `.part`, `.new`, `.old`, `.tmp`."""

    name = "leftovers"
    rank = 0

    def clear(self, request: Request) -> int:
        """Delete them; nothing reads them any more."""
        found = unfinished(request.run)
        for path in found:
            remove(path)
        return len(found)


def unfinished(folder: Path) -> list[Path]:
    """Everything under a folder that was to take another's place, or had it."""
    return [path for path in sorted(folder.rglob("*")) if _UNFINISHED.search(path.name)]


def remove(path: Path) -> None:
    """Delete a file, or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
