"""One piece of the contest in a process of its own: one setting, one seed, one answer.

`python -m benchmarks.peers.piece ASKED.json ANSWER.json` reads what is asked and writes what was
reached, with seconds, processor seconds and peak memory.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.peers.rows import Rows, read_rows
from journeyman.files import write_json

Stage = Literal["choose", "final"]


class Clock:
    """Seconds and processor seconds of the work, pauses left out."""

    def __init__(self) -> None:
        self._paused = (0.0, 0.0)
        self._started = _now()

    @property
    def seconds(self) -> float:
        """Wall seconds since the start."""
        return _now()[0] - self._started[0] - self._paused[0]

    @property
    def processor_seconds(self) -> float:
        """Processor seconds of this process and its children since the start."""
        return _now()[1] - self._started[1] - self._paused[1]

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Within, time does not count."""
        before = _now()
        yield
        now = _now()
        self._paused = tuple(  # type: ignore[assignment]
            p + n - b for p, n, b in zip(self._paused, now, before, strict=True)
        )


@dataclass(frozen=True)
class Piece:
    """What a peer is asked. `choose`: how good is this setting by validation; `final`: test."""

    rows: Rows
    backbone: str
    setting: dict[str, Any]
    seed: int
    stage: Stage
    threads: int
    clock: Clock
    epochs: int | None = None
    """For `final`: after how many epochs to stop, as chosen."""


@dataclass
class Answer:
    """`score`: best validation accuracy (choose); `predictions`: classes of test rows (final)."""

    score: float | None = None
    epochs: int | None = None
    predictions: list[int] | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def accuracy(predictions: list[int], labels: list[int]) -> float:
    """Share of rows that are right."""
    return sum(p == t for p, t in zip(predictions, labels, strict=True)) / len(labels)


def bits(right: list[bool]) -> str:
    """Which rows were right, as hexadecimal digits, the first row foremost."""
    return f"{int('1' + ''.join('01'[each] for each in right), 2):x}"


def unpacked(text: str) -> list[bool]:
    """What `bits` packed."""
    return [digit == "1" for digit in f"{int(text, 16):b}"[1:]]


def main(asked: Path, answer: Path) -> None:
    """Do the piece and write what was reached."""
    import torch

    content = json.loads(asked.read_text(encoding="utf-8"))
    peer = importlib.import_module(f"benchmarks.peers.{content.pop('runs')}")
    rows = read_rows(Path(content.pop("rows")))
    torch.set_num_threads(content["threads"])
    torch.manual_seed(content["seed"])
    peer.imports()
    clock = Clock()
    found: Answer = peer.run(Piece(rows=rows, clock=clock, **content))
    figures: dict[str, Any] = {
        "seconds": round(clock.seconds, 2),
        "processor_seconds": round(clock.processor_seconds, 2),
        "peak_mb": peak_mb(),
        "curve": found.curve,
        **found.facts,
    }
    if found.score is not None:
        figures |= {"score": found.score, "epochs": found.epochs}
    if found.predictions is not None:
        pairs = zip(found.predictions, rows.test.labels, strict=True)
        figures["accuracy"] = accuracy(found.predictions, rows.test.labels)
        figures["right"] = bits([p == t for p, t in pairs])
    write_json(answer, figures)


def peak_mb() -> int:
    """Largest resident memory of this process, megabytes.

    From the system's own account of this program where it has one: `getrusage` would hand down
    the peak of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _now() -> tuple[float, float]:
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return time.perf_counter(), sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
