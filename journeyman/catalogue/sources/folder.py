"""Files of a local folder, of JOURNEYMAN_DATA unless its path is absolute."""

from __future__ import annotations

import shutil
from pathlib import Path

from journeyman.catalogue.digest import sha256_of
from journeyman.catalogue.entry import FolderSource
from journeyman.catalogue.home import data_folder
from journeyman.catalogue.sources.base import SOURCES, Job, SourceFailed, below


@SOURCES.register("folder")
def fetch_folder(source: FolderSource, job: Job) -> None:
    """Copy each file, refusing one that is not the pinned content."""
    folder = Path(source.folder).expanduser()
    if not folder.is_absolute():
        data = data_folder()
        if data is None:
            raise SourceFailed("JOURNEYMAN_DATA is not set")
        folder = data / folder
    for file in job.files:
        found = folder / below(source.subfolder, file.path)
        if not found.is_file():
            raise SourceFailed(f"there is no {found}")
        digest = sha256_of(found)
        if digest != file.sha256:
            raise SourceFailed(f"{found} has sha256 {digest}, pinned is {file.sha256}")
        shutil.copyfile(found, job.target(file))
