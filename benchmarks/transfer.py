"""Learning curves from tweets and films to product reviews, with and without the warm start.

The recipe is run for each seed; with `tuned`, the layers are tuned at each point too.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.runs import empty_cache, keep
from journeyman.outset import workspace_of
from journeyman.progress import Reporter
from journeyman.recipe import load_recipe
from journeyman.run_folder.journal import key_of
from journeyman.steps import collect, finetune, transfer
from journeyman.transfer.crossing import Crossing, cross
from journeyman.transfer.options import TransferOptions

RECIPE = Path("recipes/sentiment-transfer.yaml")


def measure(seeds: int = 3, *sets: str) -> None:
    """Curves, savings, ranking and seconds by seed; the first seed fills the cache from nothing."""
    runs: list[dict[str, Any]] = []
    with empty_cache():
        for seed in range(seeds):
            began = time.perf_counter()
            found = _crossed(seed, sets)
            runs.append({"seed": seed, **_figures(found, time.perf_counter() - began)})
            keep("transfer", {"settings": list(sets), "runs": runs})


def _crossed(seed: int, sets: tuple[str, ...]) -> Crossing:
    with tempfile.TemporaryDirectory() as folder:
        asked = [f"output={folder}/run", f"seed={seed}", "trackers=[]", *sets]
        workspace = workspace_of(load_recipe(RECIPE, asked), Reporter(quiet=True))
        workspace.folder.mkdir()
        workspace.key = key_of("benchmark", seed)
        collect.run(workspace)
        finetune.run(workspace)
        options = workspace.option(TransferOptions)
        data = transfer.gathered(workspace, options)
        starts = transfer.starts(workspace, data, options)
        return cross(starts, data, options, transfer.setting_of(workspace))


def _figures(found: Crossing, seconds: float) -> dict[str, Any]:
    return {
        "labels": found.labels,
        "whole seconds": round(seconds, 1),
        "seconds": {part: round(value, 2) for part, value in found.seconds.items()},
        "ranking": [asdict(each) for each in found.ranking],
        "test": {name: metric.to_json() for name, metric in found.test.items()},
        "from the plain backbone": {name: m.to_json() for name, m in found.plain.items()},
        "source as it is": {
            name: {metric: m.to_json() for metric, m in said.items()}
            for name, said in found.unlearned.items()
        },
        "curves": {curve.name: [asdict(p) for p in curve.points] for curve in found.curves},
        "labels saved": [asdict(each) for each in found.saved],
    }


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:2]), *sys.argv[2:])
