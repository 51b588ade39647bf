"""Members of an archive that no one package holds whole: its pieces, each from its own source."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from journeyman.catalogue.archive import ArchiveRefused, unpack
from journeyman.catalogue.digest import is_whole
from journeyman.catalogue.entry import PiecesSource, Pin
from journeyman.catalogue.sources.base import SOURCES, Job, SourceFailed, below


@SOURCES.register("pieces")
def fetch_pieces(source: PiecesSource, job: Job) -> None:
    """Fetch each piece that is not there yet, join them in their order, and unpack the archive."""
    archive = job.downloads / source.archive.filename
    if not is_whole(archive, source.archive):
        _join(_pieces(source, job), archive, source.archive)
    wanted = {below(source.subfolder, file.path): (job.target(file), file) for file in job.files}
    try:
        unpack(archive, wanted)
    except ArchiveRefused as refusal:
        raise SourceFailed(str(refusal)) from refusal


def _pieces(source: PiecesSource, job: Job) -> list[Path]:
    """Where the pieces lie; a fetch that was killed left those it had, whole."""
    found = []
    for piece in source.pieces:
        path = job.downloads / piece.file.path
        if not is_whole(path, piece.file):
            alone = replace(job, files=(piece.file,), into=job.downloads)
            try:
                SOURCES[piece.source.kind](piece.source, alone)
            except SourceFailed as failure:
                raise SourceFailed(f"{piece.source}: {failure}") from failure
        found.append(path)
    return found


def _join(pieces: list[Path], archive: Path, pin: Pin) -> None:
    part = archive.with_name(f"{archive.name}.part")
    with part.open("wb") as joined:
        for path in pieces:
            with path.open("rb") as piece:
                shutil.copyfileobj(piece, joined)
    if not is_whole(part, pin):
        part.unlink()
        raise SourceFailed(f"{archive.name}: its pieces do not make the pinned archive")
    os.replace(part, archive)
    for path in pieces:
        path.unlink()
