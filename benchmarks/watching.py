"""The watch at work: rows a second with every detector on, and memory over a million rows.

`speed`: short texts (tweets of `snippets`, questions of banking77) as JSON lines of a file, each
kind seen by a model of its own on MiniLM, the
state written as it goes; imports and loading aside, and answering the same rows alone beside it;
the median of five turns of each.
`memory`: a million rows through a network of one narrow layer that reads eight tokens, so that what
is measured is the watch itself; resident memory after every hundred thousand.

Run as `python -m benchmarks.watching [speed] [memory]`.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.runs import RESULTS, keep
from journeyman.api import finetune
from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.data.questions import Asked
from journeyman.drift.detectors.base import DETECTORS
from journeyman.model import Model
from journeyman.versions.store import Store
from journeyman.watching.keeping import Keeping
from journeyman.watching.options import WatchOptions
from journeyman.watching.running import Running
from journeyman.watching.sight import Sight
from journeyman.watching.sources import CHUNK, Files, Source
from journeyman.watching.teacher import Teacher

ROWS = 4_000
TURNS = 5
MILLION = 1_000_000
LOOKED = 100_000
KINDS: Mapping[str, Mapping[str, Any]] = {
    "tweets": {"dataset": "snippets", "where": {"domain": "tweets"}},
    "questions": {"dataset": "banking77"},
}
RECIPE: Mapping[str, Any] = {
    "task": "text-classification",
    "finetune": {"tuner": "none", "head": {"name": "ridge", "kernel": False}},
    "collect": {"near_duplicates": "off"},
    "explain": {"samples": 1},
}


def measure() -> None:
    """All parts."""
    main(())


def main(parts: Sequence[str]) -> None:
    """Measure the parts named, or both."""
    path = RESULTS / "watching.json"
    found = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else {}
    for name in parts or ("speed", "memory"):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = PARTS[name](Path(folder))
        keep("watching", found)


def speed(folder: Path) -> dict[str, Any]:
    """Rows a second, wall and processor, of the watch and of the frozen pass alone, by kind."""
    return {name: _speed(folder / name, name) for name in KINDS}


def _speed(folder: Path, kind: str) -> dict[str, Any]:
    model = _model(folder, "minilm-l6", kind)
    texts = [row["text"] for row in _rows(kind)][:ROWS]
    file = folder / "stream.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    _passed(model, texts[:CHUNK])
    alone, watched = [], []
    for turn in range(TURNS):
        alone.append(_timed(lambda: _passed(model, texts)))
        running = _running(folder / str(turn), model)
        watched.append(_timed(lambda work=running: list(work.events(Files(file)))))
    return {
        "rows": len(texts),
        "threads": torch.get_num_threads(),
        "tokens a row": round(float(model.learner.backbone.prepare(texts).lengths.mean()), 1),
        "detectors": list(running.watch.detectors),
        "turns": TURNS,
        "watch": _medians(len(texts), watched),
        "answering alone": _medians(len(texts), alone),
    }


def memory(folder: Path) -> dict[str, Any]:
    """Resident megabytes after every hundred thousand rows of a million, and rows a second."""
    model = _model(folder, {"name": str(_narrow(folder / "narrow")), "max_tokens": 8})
    running = _running(folder, model)
    source = _Endless([row["text"] for row in _rows("tweets")], MILLION)
    began = time.perf_counter()
    for _ in running.events(source):
        pass
    return {
        "rows": MILLION,
        "rows a second": round(MILLION / (time.perf_counter() - began), 1),
        "megabytes": source.resident,
        "state on disk, megabytes": round(_size(running.keeping.folder) / 1e6, 2),
    }


PARTS = {"speed": speed, "memory": memory}


class _Endless(Source):
    """The same texts again and again, in another order each time, up to a number of rows."""

    def __init__(self, texts: Sequence[str], rows: int) -> None:
        self.texts, self.rows, self.given = texts, rows, 0
        self.resident: dict[str, float] = {}

    @property
    def position(self) -> dict[str, Any]:
        return {"given": self.given}

    def chunks(self) -> Iterator[list[Asked]]:
        random = np.random.default_rng(0)
        while self.given < self.rows:
            order = random.permutation(len(self.texts))
            for first in range(0, len(order) - CHUNK, CHUNK):
                yield [self.texts[at] for at in order[first : first + CHUNK]]
                before, self.given = self.given, self.given + CHUNK
                if before // LOOKED != self.given // LOOKED:
                    now = f"{self.given // LOOKED * LOOKED:,}"
                    self.resident[now] = round(_resident(), 1)
                    print(now, self.resident[now], file=sys.stderr, flush=True)
                if self.given >= self.rows:
                    return


def _running(folder: Path, model: Model) -> Running:
    names = tuple(DETECTORS)
    teacher = Teacher(Store.beside(folder / "run" / "model"))
    options = WatchOptions(detectors=names, act="tell")
    return Running(model, teacher, Keeping(folder / "watch"), options)


def _model(folder: Path, backbone: str | Mapping[str, Any], kind: str = "tweets") -> Model:
    more = {"name": "watched", "backbone": backbone, "data": dict(KINDS[kind])}
    return finetune({**RECIPE, **more, "output": str(folder / "run")})


def _narrow(folder: Path) -> Path:
    """A network of one narrow layer, with the tokenizer of MiniLM."""
    from transformers import BertConfig, BertModel

    source = Path(resolve("minilm-l6").folder)
    folder.mkdir()
    for path in source.iterdir():
        if path.is_file() and ("token" in path.name or path.name == "vocab.txt"):
            shutil.copyfile(path, folder / path.name)
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).eval().save_pretrained(folder)
    return folder


def _rows(kind: str) -> list[dict[str, Any]]:
    """The training rows of a kind."""
    said = KINDS[kind]
    with resolve_dataset(said["dataset"]).files["train"].open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    where = said.get("where", {})
    return [row for row in rows if all(row[name] == value for name, value in where.items())]


def _passed(model: Model, texts: Sequence[str]) -> None:
    sight = Sight(model)
    for first in range(0, len(texts), CHUNK):
        part = texts[first : first + CHUNK]
        sight.look(part, [""] * len(part), [{}] * len(part))


def _timed(work: Any) -> dict[str, float]:
    began, worked = time.perf_counter(), time.process_time()
    work()
    return {
        "rows a second": time.perf_counter() - began,
        "rows a processor second": time.process_time() - worked,
    }


def _medians(rows: int, turns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Rows a second by what each turn spent."""
    return {name: round(rows / median(turn[name] for turn in turns), 1) for name in turns[0]}


def _resident() -> float:
    """Megabytes that this process has in memory now."""
    path = Path("/proc/self/statm")
    if path.is_file():
        return int(path.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main(sys.argv[1:])
