"""cifar10n: pictures of ten classes, with true labels, and with those that people got wrong.

`python -m benchmarks.pictures [LABEL] [SEEDS] [FIELD=VALUE ...]`: `label` (the true ones) or
`worse_label` (42 % of the training labels wrong; test rows have the true ones). Seconds are of a
whole run from an empty feature cache. Test rows choose nothing.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.runs import empty_cache, keep, reach

RECIPE = Path("recipes/small-pictures.yaml")


def measure(label: str = "label", seeds: int = 3, *sets: str) -> None:
    """Test accuracy and whole seconds by seed, beside a linear model on pixels."""
    rows: list[dict[str, Any]] = []
    for seed in range(seeds):
        with empty_cache():
            found = reach(RECIPE, f"seed={seed}", f"data.label={label}", "trackers=[]", *sets)
        metrics = found.metrics
        rows.append(
            {
                "seed": seed,
                "accuracy": metrics["test"]["accuracy"],
                "pixels_linear": metrics["baselines"]["pixels_linear"]["accuracy"]["value"],
                "whole run seconds": round(found.seconds, 1),
                "seconds": found.timing["seconds"],
            }
        )
        mean = statistics.mean(row["accuracy"]["value"] for row in rows)
        name = "pictures" if label == "label" else f"pictures_{label}"
        keep(name, {"mean accuracy": round(mean, 4), "settings": list(sets), "runs": rows})


if __name__ == "__main__":
    measure(*sys.argv[1:2], *map(int, sys.argv[2:3]), *sys.argv[3:])
