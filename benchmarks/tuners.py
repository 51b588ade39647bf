"""Every tuner on the same rows: trained parameters, seconds, the figure reached, size on disk.

`python -m benchmarks.tuners [ROWS] [SEEDS] [TUNER ...]`. Each run starts from an empty feature
cache, with the tuner's own cut and rate and the same number of epochs. The head is linear, so what
the tuner adds is seen; `head: ridge`, solved anew on the tuned layers, lies above all of them.
OMP_NUM_THREADS says how many threads, where it is set.
Rows of banking77 have many close classes, those of snippets few and vague ones.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.runs import empty_cache, keep
from journeyman.files import bytes_under
from journeyman.journey import travel
from journeyman.model import Model
from journeyman.progress import Reporter
from journeyman.recipe import load_recipe
from journeyman.tuners.base import TUNERS, size_of

DATA = {"banking77": "accuracy", "snippets": "macro_f1"}
"""Datasets and the test figure that is told of each."""
EPOCHS = 6
PARTS = ("frozen pass", "training", "calibration")
"""What counts as learning in timing.json."""


def measure(rows: int = 3000, seeds: int = 1, tuners: Sequence[str] = ()) -> None:
    """On at most `rows` rows of each file; another seed is another sample and another split."""
    runs: list[dict[str, Any]] = []
    for data in DATA:
        for tuner in tuners or list(TUNERS):
            for seed in range(seeds):
                runs.append(_run(data, tuner, rows, seed))
                keep("tuners", {"rows at most": rows, "table": table(runs), "runs": runs})


def table(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a tuner and dataset: the means over seeds, in the order they ran."""
    lines = []
    for data, tuner in dict.fromkeys((run["data"], run["tuner"]) for run in runs):
        own = [run for run in runs if (run["data"], run["tuner"]) == (data, tuner)]
        means = {
            name: statistics.mean(run[name] for run in own)
            for name in ("figure", "learning seconds", "trained parameters", "tuner bytes")
        }
        lines.append({"data": data, "tuner": tuner, "seeds": len(own), **means})
    return lines


def _run(data: str, tuner: str, rows: int, seed: int) -> dict[str, Any]:
    with empty_cache(), tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        recipe = _recipe(data, tuner, rows, seed, folder / "run")
        travel(load_recipe(recipe), Reporter(quiet=True))
        return {"data": data, "tuner": tuner, "seed": seed} | _figures(folder, DATA[data])


def _recipe(data: str, tuner: str, rows: int, seed: int, output: Path) -> dict[str, Any]:
    return {
        "name": "tuners",
        "task": "text-classification",
        "backbone": "minilm-l6",
        "data": {"dataset": data, "limit": rows},
        "finetune": {
            "tuner": tuner,
            "head": "linear",
            "epochs": EPOCHS,
            "patience": 0,
            "metric": DATA[data],
        },
        "explain": {"samples": 0},
        "trackers": [],
        "threads": torch.get_num_threads(),
        "seed": seed,
        "output": str(output),
    }


def _figures(folder: Path, metric: str) -> dict[str, Any]:
    metrics, timing = (
        json.loads((folder / "run" / f"{name}.json").read_text()) for name in ("metrics", "timing")
    )
    learner = Model.load(folder / "run" / "model").learner
    learner.tuner.save(folder / "tuner")
    return {
        "figure": metrics["test"][metric]["value"],
        "interval": metrics["test"][metric],
        "metric": metric,
        "cut": learner.cut,
        "training rows": metrics["data"]["train"],
        "learning seconds": round(sum(timing["seconds"].get(part, 0.0) for part in PARTS), 1),
        "trained parameters": size_of(learner.tuner.parameters().values()),
        "tuner bytes": bytes_under(folder / "tuner"),
        "model bytes": bytes_under(folder / "run" / "model"),
    }


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:3]), tuners=sys.argv[3:])
