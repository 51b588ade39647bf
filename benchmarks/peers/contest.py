"""Running the contest piece by piece; what is finished is on disk, and a rerun goes on from there.

First each grid is tried under seed 0 and validation rows choose; then each contestant runs with
what was chosen, seed by seed, all contestants of one seed after each other. Since a contest takes
hours, it may go on another day on another machine: so each start runs the reference anew before
anything that counts, and a piece's seconds are also told in seconds of that run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.rows import Rows, collected, write_rows
from benchmarks.peers.settings import Contest, Contestant, read_settings
from benchmarks.peers.standings import standings
from benchmarks.runs import RESULTS, machine, record
from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.errors import FetchError

LIBRARIES = ("transformers", "peft", "setfit", "sentence-transformers", "scikit-learn")
EPOCHS_CHOSEN = ("trainer_full", "trainer_lora")
"""Peers whose epochs are chosen even where their grid has one entry."""
PART_ROWS = 800
PART_EPOCHS = 2


@dataclass(frozen=True)
class Asked:
    """Which contest.

    `part` makes it a small one of so many training rows, one setting and one seed each, kept in a
    file of its own. `only` and `again` are parts of contestants' names.
    """

    dataset: str | None = None
    seeds: int | None = None
    part: int | None = None
    threads: int | None = None
    only: tuple[str, ...] = ()
    again: tuple[str, ...] = ()


def measure(asked: Asked) -> None:
    """Run what is not there yet and write standings to results/."""
    contest = read_settings()
    dataset = asked.dataset or available("banking77", "snippets")
    rows = collected(dataset, validation=contest.validation, seed=contest.split_seed)
    if asked.part is not None:
        contest, rows = _small(contest), rows.limited(asked.part)
    contest = replace(
        contest,
        seeds=asked.seeds or contest.seeds,
        threads=asked.threads or contest.threads,
    )
    name = "-".join(
        ["peers"] + [dataset] * (dataset != "banking77") + ["part"] * (asked.part is not None)
    )
    about = {
        "dataset": dataset,
        "rows": rows.sizes(),
        "rows digest": rows.digest(),
        "seeds": contest.seeds,
        "threads": contest.threads,
        "part": asked.part,
        "versions": {library: version(library) for library in LIBRARIES},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        write_rows(rows, path)
        run = Run(contest, rows, path, asked, name, about)
        run.everything()
    print(json.dumps(run.figures()["standings"], indent=1))


def available(first: str, second: str) -> str:
    """The first dataset where it can be had, else the second."""
    try:
        resolve_dataset(first)
    except FetchError:
        return second
    return first


def _small(contest: Contest) -> Contest:
    """One setting and few epochs each: to see in minutes that everything runs."""

    def small(each: Contestant) -> Contestant:
        fixed, first = (
            {name: PART_EPOCHS if name == "epochs" else value for name, value in held.items()}
            for held in (each.fixed, each.grid[0])
        )
        return replace(each, fixed=fixed, grid=(first,))

    return replace(contest, seeds=1, contestants=tuple(map(small, contest.contestants)))


class Run:
    """The pieces of one contest and the file they are kept in."""

    def __init__(
        self,
        contest: Contest,
        rows: Rows,
        path: Path,
        asked: Asked,
        name: str,
        about: dict[str, Any],
    ) -> None:
        self.contest, self.rows, self.path = contest, rows, path
        self.asked, self.name, self.about = asked, name, about
        self.backbone = str(resolve(contest.backbone).folder)
        self.pieces = self._found()
        self.yardstick: float | None = None
        """Seconds of the reference in this start, once something that counts is run."""

    def everything(self) -> None:
        """All grids, then all seeds."""
        chosen = {each.name: self.choose(each) for each in self._taking_part()}
        for seed in range(self.contest.seeds):
            for each in self._taking_part():
                if seed < (each.seeds or self.contest.seeds):
                    self.piece(each, "final", *chosen[each.name], seed=seed)

    def choose(self, each: Contestant) -> tuple[dict[str, Any], int | None]:
        """The setting of the grid with the best validation accuracy, and its epochs."""
        settings = [{**each.fixed, **entry} for entry in each.grid]
        if len(settings) == 1 and each.runs not in EPOCHS_CHOSEN:
            return settings[0], None
        tried = [self.piece(each, "choose", setting, None, seed=0) for setting in settings]
        best = max(range(len(tried)), key=lambda at: tried[at]["score"])
        return settings[best], tried[best]["epochs"]

    def piece(
        self,
        each: Contestant,
        stage: str,
        setting: dict[str, Any],
        epochs: int | None,
        *,
        seed: int,
    ) -> dict[str, Any]:
        """What one setting under one seed reached: as it was kept, or by running it."""
        asked = {
            "runs": each.runs,
            "setting": setting,
            "seed": seed,
            "stage": stage,
            "threads": self.contest.threads,
            "epochs": epochs,
        }
        key = " | ".join([each.name, stage, _told(setting, each.fixed), f"seed {seed}"])
        kept: dict[str, Any] | None = self.pieces.get(key)
        if kept is not None and kept["asked"] == asked:
            return kept
        if stage == "final" and self.yardstick is None:
            self.yardstick = self._reference_seconds()
        print(key, flush=True)
        reached = {"contestant": each.name, "asked": asked, **self._run(each, asked)}
        reached["processor"] = machine()["processor"]
        if self.yardstick is not None:
            reached["times the reference"] = reached["seconds"] / self.yardstick
        self.pieces[key] = reached
        record(self.name, self.figures())
        told = reached.get("accuracy", reached.get("score", 0.0))
        print(f"  {100 * told:.2f} % in {reached['seconds']:.1f} s", flush=True)
        return reached

    def _reference_seconds(self) -> float:
        """What the reference takes on this machine, today."""
        each = next(e for e in self.contest.contestants if e.name == self.contest.reference)
        setting, epochs = self.choose(each)
        asked = {"runs": each.runs, "setting": setting, "seed": 0, "stage": "final"}
        asked |= {"threads": self.contest.threads, "epochs": epochs}
        return float(self._run(each, asked)["seconds"])

    def _run(self, each: Contestant, asked: dict[str, Any]) -> dict[str, Any]:
        whole = {"rows": str(self.path), **asked}
        whole["backbone"] = self.contest.backbone if each.runs == "ours" else self.backbone
        return in_process(whole)

    def figures(self) -> dict[str, Any]:
        """What the file holds."""
        names = [each.name for each in self.contest.contestants]
        table = standings(self.pieces, names, self.contest.reference)
        return {**self.about, "standings": table, "pieces": self.pieces}

    def _taking_part(self) -> Iterator[Contestant]:
        for each in self.contest.contestants:
            if not self.asked.only or any(name in each.name for name in self.asked.only):
                yield each

    def _found(self) -> dict[str, Any]:
        """Pieces of an earlier run over the same rows, less those to be run again."""
        path = RESULTS / f"{self.name}.json"
        if not path.is_file():
            return {}
        held = json.loads(path.read_text(encoding="utf-8"))
        figures = held["figures"]
        if figures["rows digest"] != self.about["rows digest"]:
            print("the rows are others than those of the kept results: starting anew")
            return {}
        processor = held["machine"]["processor"]
        return {
            key: {"processor": processor, **piece}
            for key, piece in figures["pieces"].items()
            if not any(name in piece["contestant"] for name in self.asked.again)
        }


def in_process(asked: dict[str, Any]) -> dict[str, Any]:
    """Run a piece in a process of its own; its figures, and its seconds as seen from outside."""
    with _files() as (question, answer):
        question.write_text(json.dumps(asked), encoding="utf-8")
        threads = str(asked["threads"])
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
        }
        started = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.peers.piece", str(question), str(answer)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"a piece failed:\n{json.dumps(asked)}\n{done.stderr[-4000:]}")
        seconds = time.perf_counter() - started
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return {**found, "process seconds": round(seconds, 1)}


@contextmanager
def _files() -> Iterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "asked.json", Path(folder) / "answer.json"


def _told(setting: dict[str, Any], fixed: dict[str, Any]) -> str:
    """What a setting has beyond what is fixed."""
    own = {name: value for name, value in setting.items() if name not in fixed}
    return ", ".join(f"{name} {value}" for name, value in sorted(own.items())) or "as set"
