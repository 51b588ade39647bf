"""A watch at work: rows from a source, labels from a file, memory on disk, events as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.files import write_text
from journeyman.labelling.labels_file import LabelsFile
from journeyman.labelling.queue import Wanted
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.types import Row
from journeyman.watching.events import Event
from journeyman.watching.keeping import LABELS, Keeping
from journeyman.watching.options import WatchOptions
from journeyman.watching.sources import Source
from journeyman.watching.teacher import Teacher
from journeyman.watching.watch import Watch

KEPT_EACH = 512
"""Rows after which memory is written, where nothing befalls before."""


@dataclass
class Running:
    """One watch over one model; `labels` is the file that `journeyman label` writes."""

    model: Model
    teacher: Teacher
    keeping: Keeping
    options: WatchOptions = field(default_factory=WatchOptions)
    labels: Path | None = None
    reporter: Reporter = QUIET

    def __post_init__(self) -> None:
        if self.labels is not None and self.labels.exists():
            LabelsFile.rows(self.labels, self.model.columns, self.model.name)
        memory = self.keeping.memory()
        self.keeping.tell(memory, self.teacher, again=True)
        self.position = memory.position
        self.watch = Watch(
            self.model,
            self.teacher,
            self.options,
            memory,
            self._write,
            self.reporter,
            notes=False,
        )
        self.keeping.restore(self.watch)
        self.watch.refresh()
        self._labels_seen = (0, 0)

    def events(self, source: Source) -> Iterator[Event]:
        """What befalls as the rows of a source come, memory being kept on the way."""
        watch, since = self.watch, 0
        yield watch.status("began")
        yield from self._labelled(source)
        for chunk in source.chunks():
            watch.label(self._given())
            found = watch.step(chunk, act=not self.keeping.off)
            since += len(chunk)
            if found or since >= KEPT_EACH or (since and not chunk):
                watch.refresh()
                self.keeping.write(watch, source.position, found)
                since = 0
            yield from found
        watch.refresh()
        last = [] if self.keeping.off else watch.ask()
        last.append(watch.status("ended"))
        self.keeping.write(watch, source.position, last)
        yield from last

    def _labelled(self, source: Source) -> list[Event]:
        """What labels lead to that were given since the watch was ended, before any row comes."""
        self.watch.label(self._given())
        found = [] if self.keeping.off else self.watch.act()
        if found:
            self.keeping.write(self.watch, source.position, found)
        return found

    def _write(self, queue: Sequence[Wanted]) -> None:
        """Write the rows that labels are wanted for, in place of those asked about before."""
        lines = [json.dumps(one.to_json(), ensure_ascii=False) + "\n" for one in queue]
        write_text(self.keeping.ask, "".join(lines))

    def _given(self) -> list[Row]:
        """Labels that came since the file was last looked at."""
        path = self.labels or self.keeping.folder / LABELS
        if not self.watch.memory.wanted or not path.is_file():
            return []
        now = path.stat()
        if (now.st_mtime_ns, now.st_size) == self._labels_seen:
            return []
        self._labels_seen = (now.st_mtime_ns, now.st_size)
        return list(LabelsFile.rows(path, self.model.columns, self.model.name))
