"""Files that no one place has all of: each part from a source of its own."""

from __future__ import annotations

from dataclasses import replace

from journeyman.catalogue.digest import sha256_of
from journeyman.catalogue.entry import FilePin, PartsSource
from journeyman.catalogue.sources.base import SOURCES, Job, SourceFailed


@SOURCES.register("parts")
def fetch_parts(source: PartsSource, job: Job) -> None:
    """Ask the source of every part for its files; all of them must give what they have."""
    for part in source.parts:
        files = tuple(file for file in job.files if file.path in part.files)
        if all(_is_there(job, file) for file in files):
            continue
        try:
            SOURCES[part.source.kind](part.source, replace(job, files=files))
        except SourceFailed as failure:
            raise SourceFailed(f"{part.source}: {failure}") from failure


def _is_there(job: Job, file: FilePin) -> bool:
    """Whether a fetch that was killed left the file whole."""
    path = job.into / file.path
    return path.is_file() and sha256_of(path) == file.sha256
