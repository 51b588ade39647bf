"""bccd: blood cells found on cached maps, and by the same detector trained end to end as long.

`python -m benchmarks.detection [SEEDS] [FIELD=VALUE ...]`. Ours is `recipes/blood-cells.yaml` from
an empty feature cache; its training seconds (frozen pass and loop) are what the other is given, or
a little more: all layers trained, nothing cached, in whole epochs, one of which is timed first. The
other learns from the pictures as they are, since so few epochs leave no time for views of them.
Test pictures choose nothing.
"""

from __future__ import annotations

import math
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.runs import Reached, empty_cache, keep, reach

RECIPE = Path("recipes/blood-cells.yaml")
WHOLE = (
    "finetune.tuner=full", "finetune.cut=0", "finetune.augment=null",
    "finetune.learning_rate=3e-4", "finetune.batch_size=8",
)  # fmt: skip
ALWAYS = ("trackers=[]", "explain.samples=0")


def measure(seeds: int = 3, *sets: str) -> None:
    """Test mAP and training seconds by seed, of ours and of the rival."""
    rows: list[dict[str, Any]] = []
    for seed in range(seeds):
        said = (f"seed={seed}", *ALWAYS, *sets)
        with empty_cache():
            ours = reach(RECIPE, *said)
        given = _training(ours)
        with empty_cache():
            once = _training(reach(RECIPE, *said, *WHOLE, "finetune.epochs=1"))
            epochs = math.ceil(given / once)
            whole = reach(RECIPE, *said, *WHOLE, f"finetune.epochs={epochs}")
        rows.append(
            {"seed": seed, "ours": _told(ours), "end to end": {**_told(whole), "epochs": epochs}}
        )
        means = {
            who: round(statistics.mean(row[who]["map_50"]["value"] for row in rows), 4)
            for who in ("ours", "end to end")
        }
        keep("detection", {"mean map_50": means, "settings": list(sets), "runs": rows})


def _training(run: Reached) -> float:
    seconds = run.timing["seconds"]
    return float(seconds["training"] + seconds["frozen pass"])


def _told(run: Reached) -> dict[str, Any]:
    test = run.metrics["test"]
    score = run.metrics["steps"]["finetune"]["validation score"]["value"]
    return {
        "map_50": test["map_50"],
        "map": test["map"],
        "validation map_50": round(score, 4),
        "training seconds": round(_training(run), 1),
        "whole run seconds": round(run.seconds, 1),
    }


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:2]), *sys.argv[2:])
