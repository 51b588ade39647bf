"""Members out of a wheel, zip or tar archive, and nothing else that it may try.

Nothing in an archive is ever run. An archive with a member that would leave its folder is refused
whole; a member is read no further than its pinned size, so a bomb stays small.
"""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from journeyman.catalogue.digest import sha256_of
from journeyman.catalogue.entry import Pin

MEMBERS = 100_000
"""More members than this is no package we read."""

UNPACKED = 16 << 30
"""Bytes all members may claim to unpack to together."""


class ArchiveRefused(Exception):
    """The archive is broken, hostile, or does not hold what was asked for."""


def unpack(archive: Path, members: Mapping[str, tuple[Path, Pin]]) -> None:
    """Write each member named to the path beside it, checked against its pin.

    Raises ArchiveRefused, leaving no file of a member that did not match.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, members)
        else:
            _unpack_tar(archive, members)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise ArchiveRefused(f"{archive.name} cannot be read: {error}") from error
    missing = sorted(name for name, (target, _) in members.items() if not target.exists())
    if missing:
        raise ArchiveRefused(f"{archive.name} holds no {missing[0]}")


def unpack_files(archive: Path, into: Path) -> None:
    """Write every file of a tar archive below a folder that is there; for one with a pinned hash.

    Raises ArchiveRefused at a member that is neither a file nor a folder, or stands twice.
    """
    total = 0
    try:
        with tarfile.open(archive, "r|*") as opened:
            for count, info in enumerate(opened):
                total += info.size
                _check(archive, info.name, count, total)
                target = into / PurePosixPath(info.name)
                stream = opened.extractfile(info) if info.isreg() else None
                if stream is not None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with stream, target.open("xb") as file:
                        shutil.copyfileobj(stream, file)
                elif not info.isdir():
                    raise ArchiveRefused(f"{archive.name}: {info.name} is no regular file")
    except (tarfile.TarError, EOFError, FileExistsError, NotADirectoryError) as error:
        raise ArchiveRefused(f"{archive.name} cannot be read: {error}") from error


def _unpack_zip(archive: Path, members: Mapping[str, tuple[Path, Pin]]) -> None:
    with zipfile.ZipFile(archive) as opened:
        total = 0
        for count, info in enumerate(opened.infolist()):
            total += info.file_size
            _check(archive, info.filename, count, total)
        for name, (target, pin) in members.items():
            if name in opened.NameToInfo:
                with opened.open(name) as stream:
                    _copy(archive, name, stream, target, pin)


def _unpack_tar(archive: Path, members: Mapping[str, tuple[Path, Pin]]) -> None:
    total = 0
    with tarfile.open(archive, "r|*") as opened:
        for count, info in enumerate(opened):
            total += info.size
            _check(archive, info.name, count, total)
            name = str(PurePosixPath(info.name))
            if name not in members:
                continue
            stream = opened.extractfile(info) if info.isreg() else None
            if stream is None:
                raise ArchiveRefused(f"{archive.name}: {name} is no regular file")
            with stream:
                _copy(archive, name, stream, *members[name])


def _check(archive: Path, name: str, count: int, total: int) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or PureWindowsPath(name).drive:
        raise ArchiveRefused(f"{archive.name} has a member outside its folder: {name!r}")
    if count >= MEMBERS or total > UNPACKED:
        raise ArchiveRefused(f"{archive.name} would unpack to more than is sensible")


def _copy(archive: Path, name: str, stream: IO[bytes], target: Path, pin: Pin) -> None:
    target.unlink(missing_ok=True)
    left = pin.size
    with target.open("wb") as file:
        while left and (chunk := stream.read(min(left, 1 << 20))):
            file.write(chunk)
            left -= len(chunk)
        longer = bool(stream.read(1))
    if left or longer or sha256_of(target) != pin.sha256:
        target.unlink()
        raise ArchiveRefused(f"{archive.name}: {name} is not the pinned content")
