"""Where fetched things live, and where the user keeps data of their own."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from journeyman.errors import ResourceError


def home() -> Path:
    """The folder of everything fetched and cached: JOURNEYMAN_HOME, else the platform's cache.

    It is created when absent. Raises ResourceError when it cannot be written.
    """
    named = os.environ.get("JOURNEYMAN_HOME")
    folder = Path(named).expanduser() if named else platformdirs.user_cache_path("journeyman")
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _refused(folder, "no write permission")
    return folder


def data_folder() -> Path | None:
    """The folder named by JOURNEYMAN_DATA, looked in before any download; None when unset.

    Raises ResourceError when it is set and is no folder.
    """
    named = os.environ.get("JOURNEYMAN_DATA")
    if not named:
        return None
    folder = Path(named).expanduser().absolute()
    if not folder.is_dir():
        raise ResourceError(
            "The data folder does not exist.",
            place="JOURNEYMAN_DATA",
            expected="a folder that holds one folder a dataset",
            found=str(folder),
            remedy="Correct JOURNEYMAN_DATA, or unset it.",
        )
    return folder


def _refused(folder: Path, reason: str) -> ResourceError:
    return ResourceError(
        "Journeyman's home folder cannot be written.",
        place=str(folder),
        expected="a folder that may be written to",
        found=reason,
        remedy="Set JOURNEYMAN_HOME to a folder of yours with space.",
    )
