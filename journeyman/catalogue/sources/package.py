"""Members of a wheel or sdist from the package index, through the user's pip configuration.

The archive is found by name and version, fetched, checked against its SHA-256 and unpacked; it is
never built, installed or run.
"""

from __future__ import annotations

import logging
from pathlib import Path

import httpx2
from unearth import Link, PackageFinder
from unearth.fetchers import PyPIClient

from journeyman.catalogue.archive import ArchiveRefused, unpack
from journeyman.catalogue.digest import sha256_of
from journeyman.catalogue.download import download
from journeyman.catalogue.entry import PackageSource
from journeyman.catalogue.pip_settings import PipSettings, pip_settings
from journeyman.catalogue.sources.base import SOURCES, Job, SourceFailed, below

# The finder warns of every index that has no such package; a failed fetch tells it all at once.
logging.getLogger("unearth").addHandler(logging.NullHandler())


@SOURCES.register("package")
def fetch_package(source: PackageSource, job: Job) -> None:
    """Ask each place pip would ask, until one gives the pinned archive; then unpack it."""
    settings = pip_settings()
    wanted = {below(source.subfolder, file.path): (job.target(file), file) for file in job.files}
    said: list[str] = []
    with settings.client() as client:
        for finder, place in _finders(settings, client):
            try:
                archive = _archive(source, _find(finder, source), client, job)
                unpack(archive, wanted)
                return
            except (SourceFailed, ArchiveRefused) as failure:
                said.append(f"{place}: {failure}")
    raise SourceFailed("; ".join(said) or "pip is configured with no index and no find-links")


def _finders(settings: PipSettings, client: PyPIClient) -> list[tuple[PackageFinder, str]]:
    """One finder a place, so that a place out of reach does not hide the others."""
    links = [("find_links", url) for url in settings.find_links]
    indexes = [("index_urls", url) for url in settings.indexes]
    return [
        (
            PackageFinder(client, ignore_compatibility=True, **{kind: [url]}),
            Link(url).redacted if "://" in url else url,
        )
        for kind, url in links + indexes
    ]


def _find(finder: PackageFinder, source: PackageSource) -> Link:
    try:
        packages = finder.find_all_packages(source.project, allow_yanked=True)
        for package in packages:
            if package.link.filename == source.archive.filename:
                return package.link
    except (httpx2.HTTPError, OSError, ValueError) as error:
        raise SourceFailed(f"{type(error).__name__}: {error}") from error
    raise SourceFailed(f"no {source.archive.filename}")


def _archive(source: PackageSource, link: Link, client: PyPIClient, job: Job) -> Path:
    """The checked archive: where it lies when it is local, else downloaded."""
    if link.is_file:
        digest = sha256_of(link.file_path)
        if digest != source.archive.sha256:
            raise SourceFailed(f"sha256 {digest}, pinned is {source.archive.sha256}")
        return Path(link.file_path)
    target = job.downloads / source.archive.filename
    download(client, link.normalized, target, source.archive, job.progress)
    return target
