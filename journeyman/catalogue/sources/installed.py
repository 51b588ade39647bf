"""Files that an installed library brings along, so that nothing is downloaded."""

from __future__ import annotations

from importlib import resources

from journeyman.catalogue.digest import sha256_of
from journeyman.catalogue.entry import InstalledSource
from journeyman.catalogue.sources.base import SOURCES, Job, SourceFailed, below


@SOURCES.register("installed")
def fetch_installed(source: InstalledSource, job: Job) -> None:
    """Copy each file out of the module's folder, refusing one that is not the pinned content."""
    try:
        folder = resources.files(source.module)
    except ImportError as error:
        raise SourceFailed(f"there is no module {source.module}") from error
    for file in job.files:
        found = folder.joinpath(below(source.subfolder, file.path))
        if not found.is_file():
            raise SourceFailed(f"{source.module} has no file {file.path}")
        target = job.target(file)
        target.write_bytes(found.read_bytes())
        digest = sha256_of(target)
        if digest != file.sha256:
            target.unlink()
            raise SourceFailed(
                f"{file.path} of {source.module} has sha256 {digest}, pinned is {file.sha256}"
            )
