"""snippets: Pearson r to the raters' mean on each of four domains beside one human rater."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.runs import empty_cache, keep
from benchmarks.sentiment import DOMAINS
from journeyman.journey import travel
from journeyman.progress import Reporter
from journeyman.recipe import load_recipe
from journeyman.standings import HUMAN as RATER

RECIPE: Mapping[str, Any] = {
    "name": "ratings",
    "task": "text-regression",
    "backbone": "minilm-l6",
    "data": {"dataset": "snippets", "label": "rating"},
    "collect": {"fractions": {"validation": 0.05, "exam": 0.05, "test": 0.2}},
    "finetune": {
        "tuner": "full",
        "cut": 1,
        "head": {"name": "ridge", "kernel": False},
        "epochs": 2,
        "learning_rate": 1.5e-4,
    },
    "explain": {"samples": 0},
    "trackers": [],
}
"""`recipes/sentiment.yaml` with the mean rating in place of its label."""

TABLE = "Against one human rater"
WHOLE, OURS, HUMAN = "to the mean of all", "to the mean of the others", "human, to the same mean"


def measure(name: str = "ratings", seeds: int = 3, *sets: str) -> None:
    """Pearson r by domain and seed, of the model to the mean of all raters, and of the model and
    of one rater drawn at random to the mean of the others."""
    runs: list[dict[str, Any]] = []
    with empty_cache():
        for seed in range(seeds):
            runs.append({"seed": seed, **_of([f"seed={seed}", *sets])})
            means = {
                what: {d: statistics.mean(run[what][d] for run in runs) for d in DOMAINS}
                for what in (WHOLE, OURS, HUMAN)
            }
            keep(name, {"mean pearson": means, "settings": list(sets), "runs": runs})


def _of(sets: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run = travel(load_recipe(RECIPE, [f"output={folder}/run", *sets]), Reporter(quiet=True))
        seconds = time.perf_counter() - started
        metrics = _read(run.folder / "metrics.json")
        domains = metrics["slices"]["domain"]
        return {
            WHOLE: {domain: domains[domain]["pearson"]["value"] for domain in DOMAINS},
            **_beside_human(_read(run.folder / "sections" / "finetune.json")),
            "whole run seconds": round(seconds, 1),
            "seconds": _read(run.folder / "timing.json")["seconds"],
        }


def _beside_human(section: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Pearson r of the model and of one rater, from the section's table."""
    table = next(each for each in section["tables"] if each["title"] == TABLE)
    found: dict[str, dict[str, float]] = {OURS: {}, HUMAN: {}}
    for who, where, metric, value, *_ in table["rows"]:
        if metric == "pearson" and where in DOMAINS:
            found[HUMAN if who == RATER else OURS][where] = value
    return found


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    measure(*sys.argv[1:2], *map(int, sys.argv[2:3]), *sys.argv[3:])
