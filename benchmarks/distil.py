"""A small model from a large one: MPNet's answers taught to MiniLM, banking77 with few labels.

The teacher is the solved head on frozen `mpnet-base`, learned from 8 or 16 labelled rows a class;
it answers the other training rows, whose labels nobody gives, and the solved head on frozen
`minilm-l6` learns those answers beside the labels. Beside it the same student on the labels alone.
Settings are the defaults; nothing is chosen here.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.drawn import draw, write_table
from benchmarks.runs import empty_cache, keep
from journeyman.journey import travel
from journeyman.progress import QUIET
from journeyman.recipe import load_recipe
from journeyman.sections.schooled import ALONE, TEACHER

SHOTS = (8, 16)
WHO = {"teacher": "mpnet-base", "student": "minilm-l6"}
FIGURES = {
    "teacher": f"{TEACHER}: test accuracy",
    "student": "test accuracy",
    "student on the labels alone": f"{ALONE}: test accuracy",
}


def measure(seeds: int = 3) -> None:
    """Test accuracy of teacher, student and student without teacher, by labels and draw."""
    runs: list[dict[str, Any]] = []
    with empty_cache():
        for seed in range(seeds):
            for shots in SHOTS:
                runs.append({"seed": seed, "labels a class": shots, **_once(seed, shots)})
                keep("distil", {"who": WHO, "mean accuracy": _means(runs), "runs": runs})


def _once(seed: int, shots: int) -> dict[str, Any]:
    drawn = draw(seed, shots)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        files = {
            "train": write_table(place / "train.csv", drawn.train),
            "test": write_table(place / "test.csv", drawn.test),
        }
        more = write_table(place / "more.csv", drawn.others, ("text",))
        recipe = {
            "name": "distil",
            "task": "text-classification",
            "backbone": WHO["teacher"],
            "data": {**files, "text": "text", "label": "label"},
            "collect": {"fractions": {"validation": 0.25, "exam": 0.0, "test": 0.2}},
            "finetune": {"tuner": "none", "head": "ridge", "metric": "accuracy"},
            "transfer": {"distil": {"into": WHO["student"], "unlabelled": more}},
            "explain": {"samples": 0},
            "trackers": [],
            "seed": seed,
            "output": f"{folder}/run",
        }
        started = time.process_time()
        travel(load_recipe(recipe), QUIET)
        seconds = time.process_time() - started
        metrics = json.loads((place / "run" / "metrics.json").read_text(encoding="utf-8"))
    told = metrics["steps"]["transfer"]
    return {
        "unlabelled": len(drawn.others),
        "accuracy": {who: told[name]["value"] for who, name in FIGURES.items()},
        "processor seconds": round(seconds, 1),
    }


def _means(runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for shots in SHOTS:
        own = [run["accuracy"] for run in runs if run["labels a class"] == shots]
        if own:
            found[str(shots)] = {
                who: round(statistics.mean(each[who] for each in own), 4) for who in FIGURES
            }
    return found


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:2]))
