"""Where a stream comes from: a file, standard input, or a folder that grows.

JSON lines (objects or strings) or lines of text, in UTF-8. A source says where it is, so that a
watch goes on from there; of standard input that is not possible.
"""

from __future__ import annotations

import io
import os
import select
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from journeyman.data.questions import Asked, questions_of_stream
from journeyman.errors import DataError

CHUNK = 512
"""Rows that are taken in together, at most: where that many wait, they are answered in batches of
like length, which pads little."""
PAUSE = 0.5
"""Seconds between looks at what may have grown."""
HEAD = 1_024
SUFFIXES = (".jsonl", ".ndjson", ".txt")


class Source(ABC):
    """Rows in their order, in chunks; an empty chunk where none came for a while."""

    follows = False

    @abstractmethod
    def chunks(self) -> Iterator[list[Asked]]:
        """The chunks that follow; `position` is behind the one that was given last."""

    @property
    @abstractmethod
    def position(self) -> dict[str, Any]:
        """Where it is, as JSON values."""


class StandardInput(Source):
    """Lines that are piped in, each looked at soon after it comes."""

    follows = True

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = sys.stdin.buffer if stream is None else stream
        self._lines = 0

    @property
    def position(self) -> dict[str, Any]:
        """Lines that were read: told, and no use in going on."""
        return {"lines": self._lines}

    def chunks(self) -> Iterator[list[Asked]]:
        """See the contract."""
        rest, ended = b"", False
        while not ended:
            data = self._some()
            ended = data == b""
            lines, rest = _whole(rest + (data or b""), ended)
            self._lines += len(lines)
            yield from _parts(lines)
            if data is None:
                yield []

    def _some(self) -> bytes | None:
        """Bytes as they come; None where none came for a while, b"" at the end."""
        try:
            number = self._stream.fileno()
        except (OSError, io.UnsupportedOperation):
            return self._stream.read(1 << 16)
        if not select.select([number], [], [], PAUSE)[0]:
            return None
        return os.read(number, 1 << 16)


class Files(Source):
    """A file, or every file of a folder in the order of their names; with `follows`, for ever."""

    def __init__(
        self, place: Path, position: Mapping[str, Any] | None = None, *, follows: bool = False
    ) -> None:
        self.place, self.follows = place, follows
        said = (position or {}).get("files", {})
        self._read = {name: (int(end), str(head)) for name, (end, head) in said.items()}
        self.begun_anew: list[str] = []
        """Files that are not those that were read before, and are read from their beginning."""
        self._check()

    @property
    def position(self) -> dict[str, Any]:
        """How far each file was read, and a hash of how it begins."""
        return {"files": {name: list(each) for name, each in sorted(self._read.items())}}

    def chunks(self) -> Iterator[list[Asked]]:
        """See the contract."""
        while True:
            found = False
            for path in self._paths():
                for part in self._new(path):
                    found = True
                    yield part
            if not self.follows:
                return
            if not found:
                yield []
                time.sleep(PAUSE)

    def _paths(self) -> list[Path]:
        if self.place.is_file():
            return [self.place]
        return sorted(each for each in self.place.iterdir() if each.suffix in SUFFIXES)

    def _new(self, path: Path) -> Iterator[list[Asked]]:
        """What a file has beyond where it was read to."""
        with path.open("rb") as file:
            end = self._begin(path.name, file)
            file.seek(end)
            lines: list[bytes] = []
            for line in file:
                if not line.endswith(b"\n") and self.follows:
                    break
                lines.append(line)
                if len(lines) == CHUNK:
                    yield from self._taken(path.name, file, lines)
                    lines = []
            if lines:
                yield from self._taken(path.name, file, lines)

    def _taken(self, name: str, file: BinaryIO, lines: list[bytes]) -> Iterator[list[Asked]]:
        end = self._read.get(name, (0, ""))[0] + sum(map(len, lines))
        place = file.tell()
        file.seek(0)
        self._read[name] = (end, sha256(file.read(min(HEAD, end))).hexdigest())
        file.seek(place)
        yield _asked(lines)

    def _begin(self, name: str, file: BinaryIO) -> int:
        """Where to go on reading: at the beginning, if it is another file of the same name."""
        end, head = self._read.get(name, (0, ""))
        same = not end or sha256(file.read(min(HEAD, end))).hexdigest() == head
        if same and os.fstat(file.fileno()).st_size >= end:
            return end
        self.begun_anew.append(name)
        self._read.pop(name)
        return 0

    def _check(self) -> None:
        fits = self.place.is_dir() or (self.place.is_file() and self.place.suffix in SUFFIXES)
        if not fits:
            raise DataError(
                "There is no such stream." if not self.place.exists() else "This is no stream.",
                place=str(self.place),
                expected=f"a file ({', '.join(SUFFIXES)}), a folder of such files, or - for "
                "standard input",
                found="nothing" if not self.place.exists() else self.place.suffix or "a file",
                remedy="name where rows arrive, as JSON lines",
            )


def source_of(stream: str, position: Mapping[str, Any], *, follows: bool) -> Source:
    """The source that a command's argument names. Raises DataError where there is none."""
    if stream == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise DataError(
                "Standard input is closed.", place="standard input", expected="rows, one a line",
                found="nothing to read from", remedy="pipe them in, or name a file",
            )  # fmt: skip
        return StandardInput()
    return Files(Path(stream).expanduser(), position, follows=follows)


def _whole(data: bytes, ended: bool) -> tuple[list[bytes], bytes]:
    """The whole lines of some bytes, and what is left."""
    lines = data.splitlines(keepends=True)
    if ended or not lines or lines[-1].endswith(b"\n"):
        return lines, b""
    return lines[:-1], lines[-1]


def _parts(lines: list[bytes]) -> Iterator[list[Asked]]:
    for first in range(0, len(lines), CHUNK):
        yield _asked(lines[first : first + CHUNK])


def _asked(lines: list[bytes]) -> list[Asked]:
    return list(questions_of_stream(io.BytesIO(b"".join(lines))))
