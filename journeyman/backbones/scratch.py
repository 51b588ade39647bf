"""Large tensors that need not be in memory: mapped from a file that vanishes with them."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from journeyman.catalogue.home import home
from journeyman.errors import ResourceError

IN_MEMORY_BYTES = 64 << 20
"""Larger ones are mapped; either way they hold the same numbers."""


def scratch(*shape: int) -> Tensor:
    """An uninitialised float32 tensor, mapped from an unnamed file where it is large.

    Its room on disk is taken at once, below JOURNEYMAN_HOME, and given back when the tensor goes.
    """
    size = math.prod(shape)
    if 4 * size <= IN_MEMORY_BYTES:
        return torch.empty(shape)
    folder = home() / "scratch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
    except OSError as error:
        raise _no_room(folder, 4 * size, error) from error
    try:
        _reserve(descriptor, 4 * size)
        return torch.from_file(name, shared=True, size=size).reshape(shape)
    except (OSError, RuntimeError) as error:
        raise _no_room(folder, 4 * size, error) from error
    finally:
        os.close(descriptor)
        os.unlink(name)


def _reserve(descriptor: int, size: int) -> None:
    """Take the room now: a full disk found while writing to mapped memory ends the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def _no_room(folder: Path, size: int, error: Exception) -> ResourceError:
    return ResourceError(
        "There is no room on disk for the numbers of all rows.",
        place=str(folder),
        expected=f"{size / 1e9:.1f} GB free, and write permission",
        found=str(error),
        remedy="free some space, or set JOURNEYMAN_HOME to a folder on another disk",
    )
