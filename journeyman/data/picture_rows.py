"""Rows that name a picture file: its path made whole, and the file read once to see that it can be.

Files are read ahead by a few threads; rows come out in their order, and only so many are held.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from journeyman.data.options import DataOptions
from journeyman.data.pictures import SUFFIXES, PictureError, looks_like_picture, picture_facts
from journeyman.data.readers.hub import SCHEME
from journeyman.data.readers.registry import ManyFiles, read, reader_for
from journeyman.data.readers.textfile import head, locate
from journeyman.data.record import Event, Record, Refused
from journeyman.errors import JourneymanError

_THREADS = 4
_AHEAD = 32
_FIRST = 200
"""Rows of a packed file that are looked at where it is not said what they hold."""


def folder_of(source: str) -> Path:
    """Where relative paths in a source start: the folder of its file, absolute."""
    if source.startswith(SCHEME):
        return Path.cwd()
    path = Path(os.path.abspath(locate(source)))
    return path if path.is_dir() else path.parent


def whole_path(cell: str, folder: Path) -> str:
    """The absolute path that a cell means."""
    return os.path.normpath(folder / Path(cell.strip()).expanduser())


def pictured(events: Iterable[Event], column: str, folder: Path) -> Iterator[Event]:
    """Pass on events; rows gain the facts of the picture in `column`, its path becomes absolute.

    Rows whose picture cannot be read become refused ones. What is no row passes in its place.
    """
    waiting: deque[Event | Future[Event]] = deque()
    threads = min(_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads, thread_name_prefix="pictures") as pool:
        try:
            for event in events:
                if isinstance(event, Record):
                    waiting.append(pool.submit(_read, event, column, folder))
                else:
                    waiting.append(event)
                if len(waiting) >= _AHEAD:
                    yield _ready(waiting.popleft())
            while waiting:
                yield _ready(waiting.popleft())
        finally:
            for left in waiting:
                if isinstance(left, Future):
                    left.cancel()


def _ready(event: Event | Future[Event]) -> Event:
    return event.result() if isinstance(event, Future) else event


def _read(record: Record, column: str, folder: Path) -> Event:
    path = whole_path(record.values[column], folder)
    try:
        facts = picture_facts(path)
    except PictureError as error:
        reason = f"{error.problem.removesuffix('.')}: {error.found} ({path})."
        return Refused(record.row, error.name, reason, record.values)
    return replace(record, values={**record.values, column: path}, picture=facts)


def picture_stamp(source: str, data: DataOptions) -> str:
    """What tells that a picture of a source was changed, came or went: a hash over the path, size
    and time of each, as in make. Empty for a source of texts.

    Of columns without a name, every cell that looks like the path of a picture counts. Trouble with
    the source itself is left to its reader.
    """
    try:
        if source.startswith(SCHEME) or (data.image is None and (data.texts or data.tags)):
            return ""
        digest, path = sha256(), locate(source)
        for picture in _pictures(path, source, data):
            digest.update(_state(picture).encode(errors="surrogatepass"))
    except (JourneymanError, OSError, ValueError):
        return ""
    return "" if digest.digest() == sha256().digest() else digest.hexdigest()


def _pictures(path: Path, source: str, data: DataOptions) -> Iterator[str]:
    """The files that a source's rows come from, or the pictures that a list names."""
    reader = reader_for(source, data)
    if isinstance(reader, ManyFiles):
        yield from (os.path.abspath(file) for file in reader.files(source))
    elif not path.is_dir():
        yield from _in_list(path, source, data)


def _in_list(path: Path, source: str, data: DataOptions) -> Iterator[str]:
    if data.image is None and not _names_pictures(path, source, data):
        return
    folder = folder_of(source)
    for event in read(source, data):
        if isinstance(event, Record):
            yield from (whole_path(cell, folder) for cell in _cells(event.values, data.image))


def _names_pictures(path: Path, source: str, data: DataOptions) -> bool:
    """Whether the beginning of a file holds what looks like the path of a picture."""
    if path.suffix.lower() in (".parquet", ".pq"):
        first = (each for each in islice(read(source, data), _FIRST) if isinstance(each, Record))
        return any(next(_cells(each.values, None), None) for each in first)
    start = head(path).lower()
    return any(suffix.encode() in start for suffix in SUFFIXES)


def _cells(values: dict[str, Any], column: str | None) -> Iterator[str]:
    cells = values.values() if column is None else (values.get(column),)
    for cell in cells:
        if isinstance(cell, str) and (column is not None or looks_like_picture(cell.strip())):
            yield cell


def _state(path: str) -> str:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return f"{path}\n"
    return f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n"
