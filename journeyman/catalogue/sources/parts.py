"""Files that no one place has all of: each part from a source of its own."""

from __future__ import annotations

from dataclasses import replace

from journeyman.catalogue.digest import is_whole
from journeyman.catalogue.entry import PartsSource
from journeyman.catalogue.sources.base import SOURCES, Job, SourceFailed


@SOURCES.register("parts")
def fetch_parts(source: PartsSource, job: Job) -> None:
    """Ask the source of every part for its files; all of them must give what they have."""
    for part in source.parts:
        files = tuple(file for file in job.files if file.path in part.files)
        if all(is_whole(job.into / file.path, file) for file in files):
            continue  # A fetch that was killed left them whole.
        try:
            SOURCES[part.source.kind](part.source, replace(job, files=files))
        except SourceFailed as failure:
            raise SourceFailed(f"{part.source}: {failure}") from failure
