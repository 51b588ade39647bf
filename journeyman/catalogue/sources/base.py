"""What a kind of source is: a function that puts an entry's files into a folder, or says why not.

A new kind is a model in `entry.py` and one file here that registers its function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from journeyman.catalogue.entry import FilePin
from journeyman.catalogue.progress import FetchProgress
from journeyman.registry import Registry


class SourceFailed(Exception):
    """This source does not give the files; the next one is asked."""


@dataclass(frozen=True)
class Job:
    """What to fetch: `files` into the folder `into`; `downloads` keeps archives and partial files.

    Both folders stay after a kill, so a source goes on where it stopped.
    """

    files: tuple[FilePin, ...]
    into: Path
    downloads: Path
    progress: FetchProgress

    def target(self, file: FilePin) -> Path:
        """Where a file goes, its folder made."""
        target = self.into / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def below(subfolder: str, path: str) -> str:
    """The path of a file in a source that keeps it in `subfolder`."""
    return str(PurePosixPath(subfolder) / path)


Fetch = Callable[[Any, Job], None]

SOURCES: Registry[Fetch] = Registry("source", "journeyman.catalogue.sources")
