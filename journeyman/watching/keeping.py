"""A watch on disk: its memory, what its detectors know, and the events it told.

Beside the model, in a folder `NAME.watch` that holds rows as they came; `journeyman unlearn` goes
through it. Memory is written whole or not at all, and events with it, so that a kill loses no
decision and tells none twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from journeyman.errors import DataError, ModelError
from journeyman.files import unwritable, write_json
from journeyman.tensors import read_tensors, write_tensors
from journeyman.watching.events import Event
from journeyman.watching.memory import Memory
from journeyman.watching.teacher import Teacher
from journeyman.watching.watch import Watch

SUFFIX = ".watch"
MEMORY = "memory.json"
DETECTORS = "detectors.safetensors"
NEXT = "detectors.next.safetensors"
"""What detectors know, until the memory that goes with it is written."""
EVENTS = "events.jsonl"
OFF = "off"
"""A file of this name in the folder switches all acting off, also while the watch runs."""
ASK = "ask.jsonl"
LABELS = "ask.labels.jsonl"
_END = 1 << 18
"""Bytes at the end of the events in which one that was told already would stand."""


def beside(folder: Path) -> Path:
    """The folder of the watch over the model in a folder."""
    return folder.with_name(f"{folder.name}{SUFFIX}")


@dataclass
class Keeping:
    """The folder of a watch."""

    folder: Path

    @property
    def off(self) -> bool:
        """Whether acting was switched off."""
        return (self.folder / OFF).exists()

    @property
    def ask(self) -> Path:
        """The file of rows that labels are wanted for."""
        return self.folder / ASK

    def memory(self) -> Memory:
        """What was remembered; a new memory where nothing was. Raises DataError for a file that is
        none."""
        path = self.folder / MEMORY
        if not path.is_file():
            return Memory()
        try:
            return Memory.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._broken(path, error) from error

    def restore(self, watch: Watch) -> None:
        """Let detectors go on from what they knew, those that are still asked for; where another
        version serves by now, those alone that do not watch its answers."""
        path = self.folder / DETECTORS
        self._settle(watch.memory.turn)
        if not path.is_file():
            return
        try:
            tensors, about = read_tensors(path)
            if about.get("layers") != list(watch.sight.layers):
                return
            same = about.get("version") == watch.model.version
            for name, detector in watch.detectors.items():
                own = _own(tensors, f"{name}/")
                if own and (same or detector.view == "input"):
                    detector.restore({key: value.numpy() for key, value in own.items()})
        except (ModelError, KeyError, ValueError) as error:
            raise self._broken(path, error) from error

    def _settle(self, turn: int) -> None:
        """Take what detectors were to know next where the memory of that was written, or drop it:
        a kill came between."""
        path = self.folder / NEXT
        if not path.is_file():
            return
        try:
            own = read_tensors(path)[1].get("turn") == turn
        except ModelError:
            own = False
        if own:
            os.replace(path, self.folder / DETECTORS)
        else:
            path.unlink()

    def write(self, watch: Watch, position: Mapping[str, Any], events: Sequence[Event]) -> None:
        """Keep how things are; tell the events that were not told yet. Raises ResourceError where
        the disk refuses."""
        memory = watch.kept()
        memory.turn += 1
        memory.position = dict(position)
        memory.untold = [event.kept() for event in events]
        tensors = {
            f"{name}/{key}": torch.from_numpy(value).clone()
            for name, detector in watch.detectors.items()
            for key, value in detector.kept().items()
        }
        about = {"layers": list(watch.sight.layers), "version": watch.model.version}
        write_tensors(self.folder / NEXT, tensors, {**about, "turn": memory.turn})
        write_json(self.folder / MEMORY, memory.to_json(), indent=None)
        os.replace(self.folder / NEXT, self.folder / DETECTORS)
        if events:
            self.tell(memory, watch.teacher)
            write_json(self.folder / MEMORY, memory.to_json(), indent=None)

    def tell(self, memory: Memory, teacher: Teacher, *, again: bool = False) -> None:
        """Write events that were not told yet; `again`, where a kill may have come before or after
        that, none twice."""
        if not memory.untold:
            return
        events = [Event.from_kept(each) for each in memory.untold]
        teacher.note(events, again=again)
        path = self.folder / EVENTS
        lines = [json.dumps(event.to_json(), ensure_ascii=False) for event in events]
        try:
            told = _end_of(path, len(lines) + 5) if again and path.is_file() else []
            new = [line for line in lines if json.loads(line) not in told]
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(line + "\n" for line in new)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(path, error) from error
        memory.untold = []

    def _broken(self, path: Path, error: Exception) -> DataError:
        return DataError(
            "What the watch remembered cannot be read.",
            place=str(path),
            expected="a file that `journeyman watch` wrote",
            found=f"{type(error).__name__}: {error}"[:200],
            remedy=f"restore it from a copy, or remove the folder {self.folder} to begin anew",
        )


def _end_of(path: Path, most: int) -> list[Any]:
    """The last events of a file that may be long; a line that a kill cut off is taken out of it."""
    with path.open("r+b") as file:
        start = max(path.stat().st_size - _END, 0)
        file.seek(start)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole or not start:
            file.truncate(start + whole)
    lines = content[:whole].decode("utf-8", errors="replace").split("\n")[:-1]
    return [_read(line) for line in lines[-most:]]


def _read(line: str) -> Any:
    """The event on a line; None where somebody wrote something else there."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _own(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
