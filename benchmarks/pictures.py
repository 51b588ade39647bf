"""cifar10n: pictures of ten classes, with true labels, and with those that people got wrong.

`python -m benchmarks.pictures [LABEL] [SEEDS] [FIELD=VALUE ...]`: `label` (the true ones) or
`worse_label` (42 % of the training labels wrong; test rows have the true ones). From the latter the
solved head learns, on frozen layers at 224 pixels, once with labels as they are given and once with
`label_cleaning`; neither chooses by a true label. Seconds are of a whole run from an empty feature
cache; two ways of one seed share it, and the second has the frozen pass for nothing. Test rows
choose nothing.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.runs import Reached, empty_cache, keep, reach

RECIPE = Path("recipes/small-pictures.yaml")
NOISY = (
    "backbone.image_size=224", "finetune.tuner=none", "finetune.cut=auto",
    "finetune.augment=null", "finetune.head={name: ridge, layers: [14, 15, 16, 17]}",
    "explain.samples=0",
)  # fmt: skip
CLEANED = "finetune.label_cleaning=true"


def measure(label: str = "label", seeds: int = 3, *sets: str) -> None:
    """Test accuracy and whole seconds by seed, beside a linear model on pixels."""
    ways: dict[str, tuple[str, ...]] = {"mean accuracy": ()}
    if label != "label":
        ways = {"mean accuracy as given": NOISY, "mean accuracy": (*NOISY, CLEANED)}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for seed in range(seeds):
        always = f"seed={seed}", f"data.label={label}", "trackers=[]"
        with empty_cache():
            for name, said in ways.items():
                rows[name].append({"seed": seed, **_told(reach(RECIPE, *always, *said, *sets))})
        means = {
            name: round(statistics.mean(row["accuracy"]["value"] for row in found), 4)
            for name, found in rows.items()
        }
        runs = {"runs" + name.removeprefix("mean accuracy"): found for name, found in rows.items()}
        name = "pictures" if label == "label" else f"pictures_{label}"
        keep(name, {**means, "settings": list(sets), **runs})


def _told(found: Reached) -> dict[str, Any]:
    metrics = found.metrics
    steps = metrics["steps"]["finetune"]
    told = {
        "accuracy": metrics["test"]["accuracy"],
        "pixels_linear": metrics["baselines"]["pixels_linear"]["accuracy"]["value"],
        "whole run seconds": round(found.seconds, 1),
        "processor seconds": round(found.processor_seconds, 1),
        "seconds": found.timing["seconds"],
    }
    doubts = ("labels doubted", "estimated share of wrong labels", "held-out gain by cleaning",
              "error of that gain", "labels cleaned")  # fmt: skip
    return told | {name: steps[name]["value"] for name in doubts if name in steps}


if __name__ == "__main__":
    measure(*sys.argv[1:2], *map(int, sys.argv[2:3]), *sys.argv[3:])
