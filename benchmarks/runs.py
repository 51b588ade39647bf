"""Running recipes for measurement: a feature cache of their own, and what they reached."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from journeyman.catalogue.home import home
from journeyman.files import write_json
from journeyman.journey import travel
from journeyman.progress import Reporter
from journeyman.recipe import load_recipe

RESULTS = Path(__file__).parent / "results"
KEPT = ("backbones", "datasets", "hashes")


@dataclass(frozen=True)
class Reached:
    """The metrics.json and timing.json of a run, its wall seconds as seen from outside, and those
    of processors, all threads together, which other work on the machine leaves as they are."""

    metrics: dict[str, Any]
    timing: dict[str, Any]
    seconds: float
    processor_seconds: float


@contextmanager
def empty_cache() -> Iterator[Path]:
    """Within, a home whose feature cache is empty; backbones and datasets are shared with it."""
    shared = home()
    before = os.environ.get("JOURNEYMAN_HOME")
    with tempfile.TemporaryDirectory() as folder:
        for name in KEPT:
            (shared / name).mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).symlink_to(shared / name)
        os.environ["JOURNEYMAN_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("JOURNEYMAN_HOME")
            if before is not None:
                os.environ["JOURNEYMAN_HOME"] = before


def reach(recipe: Path | Mapping[str, Any], *sets: str) -> Reached:
    """Run a recipe in a folder of its own and read what it reached."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = load_recipe(recipe, [f"output={folder}/run", *sets])
        started, worked = time.perf_counter(), time.process_time()
        travel(chosen, Reporter(quiet=True))
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
        read = [json.loads((Path(folder) / "run" / f"{n}.json").read_text()) for n in FILES]
        return Reached(read[0], read[1], seconds, worked)


FILES = ("metrics", "timing")


def keep(name: str, figures: Mapping[str, Any]) -> None:
    """Write figures with the facts of the machine to results/, and print them."""
    record(name, figures)
    print(json.dumps({name: figures}, indent=1))


def record(name: str, figures: Mapping[str, Any]) -> None:
    """Write figures with the facts of the machine to results/."""
    write_json(RESULTS / f"{name}.json", {"machine": machine(), "figures": dict(figures)})


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _processor() -> str:
    """Its model and clock where the system tells them, else its kind."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    told = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    facts = {name.strip(): value.strip() for name, value in told.items()}
    known = [facts[name] for name in ("model name", "model", "cpu MHz") if name in facts]
    return ", ".join(known) or platform.processor() or platform.machine()
