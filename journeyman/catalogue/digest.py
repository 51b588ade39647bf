"""SHA-256 of files and folders, remembered so that large weights are not read at every start."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from journeyman.catalogue.entry import Pin
from journeyman.catalogue.home import home
from journeyman.files import write_json

SMALL = 1 << 16
"""Bytes below which reading a file anew costs less than remembering its hash."""


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_whole(path: Path, pin: Pin) -> bool:
    """Whether a file is there with exactly the pinned content."""
    return path.is_file() and path.stat().st_size == pin.size and sha256_of(path) == pin.sha256


def remembered_sha256(path: Path) -> str:
    """`sha256_of`; a file that is not small is read again only when size, times or inode of it
    have changed."""
    state = path.stat()
    if state.st_size < SMALL:
        return sha256_of(path)
    stamp = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
    key = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    memory = home() / "hashes" / f"{key}.json"
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        if known["stamp"] == stamp:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    digest = sha256_of(path)
    write_json(memory, {"path": str(path.resolve()), "sha256": digest, "stamp": stamp})
    return digest


def digest_of(files: Mapping[str, str]) -> str:
    """One SHA-256 over a folder's content: its file names and their SHA-256, sorted by name."""
    lines = "".join(f"{files[name]}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()
