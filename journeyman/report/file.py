"""A file of the run folder, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from journeyman.errors import ResourceError


def replace(path: Path, content: bytes) -> None:
    """Put `content` at `path`: written beside, synced, then renamed into place.

    Raises ResourceError where the folder refuses.
    """
    beside = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except OSError as error:
        if beside:
            Path(beside).unlink(missing_ok=True)
        raise ResourceError(
            f"{path.name} could not be written.",
            place=str(path),
            expected="a folder that can be written to, with space left",
            found=error.strerror or str(error),
            remedy="free some space, or choose another run folder",
        ) from error
