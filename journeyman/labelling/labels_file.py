"""The file that labels are written to as they are given: rows that `journeyman learn` takes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journeyman.data.options import DataOptions
from journeyman.errors import DataError
from journeyman.files import unwritable
from journeyman.labelling.queue import Wanted

FOR = "labelled_for"
"""The column that says which model a label was given for."""


@dataclass
class LabelsFile:
    """JSON Lines with a label each, in the order they were given.

    Each line is on the disk before the next row is shown, so a kill at any moment loses none; one
    that a kill cut off in the middle is taken away when the file is opened again.
    """

    path: Path
    columns: DataOptions
    name: str
    ids: set[str] = field(default_factory=set)
    _ends: list[int] = field(default_factory=list)

    @classmethod
    def open(cls, path: str | Path, columns: DataOptions, name: str) -> LabelsFile:
        """The file as it was left, or a new one; `name` is the model's.

        Raises DataError for a file that holds anything but labels for this model.
        """
        made = cls(Path(path).expanduser(), columns, name)
        if made.path.exists():
            made._read()
        return made

    @classmethod
    def rows(cls, path: Path, columns: DataOptions, name: str) -> list[dict[str, Any]]:
        """The rows with labels of a file that another process may be writing: whole lines alone,
        and the file stays as it is. Raises DataError as `open` does."""
        reader, found = cls(path, columns, name), list[dict[str, Any]]()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise reader._foreign("a file that can be read", str(error)) from error
        for number, line in enumerate(content.splitlines(keepends=True), start=1):
            row = _object(line)
            if not line.strip() or (row is None and not line.endswith(b"\n")):
                continue
            reader._check(row, number)
            found.append(row or {})
        return found

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, wanted: Wanted, label: str) -> None:
        """Write down that this row has this label. Raises ResourceError where that fails."""
        row = {**wanted.row, self._id: wanted.id, self._label: label, FOR: self.name}
        content = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                self._ends.append(file.tell())
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.ids.add(wanted.id)

    def undo(self, wanted: Wanted) -> None:
        """Take the last label away, which is this row's."""
        self._ends.pop()
        self._cut(self._ends[-1] if self._ends else 0)
        self.ids.discard(wanted.id)

    @property
    def _id(self) -> str:
        return self.columns.id or "id"

    @property
    def _label(self) -> str:
        return self.columns.label or "label"

    def _read(self) -> None:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise self._foreign("a file that can be read", str(error)) from error
        end = 0
        for number, line in enumerate(content.splitlines(keepends=True), start=1):
            row = _object(line)
            if row is None and end + len(line) == len(content) and not line.endswith(b"\n"):
                break
            end += len(line)
            if line.strip():
                self._check(row, number)
                self.ids.add(str((row or {}).get(self._id)))
            self._ends.append(end)
        if end < len(content):
            self._cut(end)
        elif content and not content.endswith(b"\n"):
            with self.path.open("ab") as file:
                file.write(b"\n")
            self._ends[-1] += 1

    def _check(self, row: Mapping[str, Any] | None, number: int) -> None:
        wanted = [*(self.columns.texts or ("text",)), self._label]
        missing = wanted if row is None else [name for name in wanted if name not in row]
        if row is None or missing:
            found = "no JSON object" if row is None else f"the columns {', '.join(row)}"
            raise self._foreign(f"the columns {', '.join(wanted)}", f"line {number}: {found}")
        given_for = row.get(FOR, self.name)
        if given_for != self.name:
            raise self._foreign(f"labels for {self.name}", f"line {number}: for {given_for}")

    def _foreign(self, expected: str, found: str) -> DataError:
        return DataError(
            "The file does not hold labels for this model.",
            place=str(self.path),
            expected=expected,
            found=found,
            remedy="name another file with --labels; one that is not there is begun",
        )

    def _cut(self, end: int) -> None:
        """Leave only so many bytes of the file."""
        try:
            with self.path.open("r+b") as file:
                file.truncate(end)
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from error


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
