"""Files below an address, or members of an archive at it."""

from __future__ import annotations

from journeyman.catalogue.archive import ArchiveRefused, unpack
from journeyman.catalogue.download import download
from journeyman.catalogue.entry import UrlSource
from journeyman.catalogue.pip_settings import pip_settings
from journeyman.catalogue.sources.base import SOURCES, Job, SourceFailed, below


@SOURCES.register("url")
def fetch_url(source: UrlSource, job: Job) -> None:
    """Download each file, or the archive and unpack what is needed."""
    with pip_settings().client() as client:
        if source.archive is None:
            for file in job.files:
                address = f"{source.url.rstrip('/')}/{below(source.subfolder, file.path)}"
                download(client, address, job.target(file), file, job.progress)
            return
        archive = job.downloads / source.archive.filename
        download(client, source.url, archive, source.archive, job.progress)
    wanted = {below(source.subfolder, file.path): (job.target(file), file) for file in job.files}
    try:
        unpack(archive, wanted)
    except ArchiveRefused as error:
        raise SourceFailed(str(error)) from error
