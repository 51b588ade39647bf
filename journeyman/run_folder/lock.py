"""One process at a time in a run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from journeyman.errors import ResourceError


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Holds a lock on the run's folder: two processes in it would undo each other's work.

    Raises ResourceError where another process holds it, or the folder cannot be written.
    """
    lock = FileLock(folder / ".lock", timeout=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ResourceError(
            "Another process is running this recipe.",
            place=str(folder),
            expected="one run at a time in a folder",
            found="a run under way",
            remedy="wait for it, or give this run another folder: --set output=runs/other",
        ) from error
    except OSError as error:
        raise ResourceError(
            "The run's folder cannot be written.",
            place=str(folder),
            expected="a folder this user may write in",
            found=error.strerror or str(error),
            remedy="choose another folder: --set output=FOLDER",
        ) from error
    try:
        yield
    finally:
        lock.release()
