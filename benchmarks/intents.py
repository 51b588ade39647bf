"""banking77: the solved head on frozen features, from an empty cache, beside TF-IDF + linear."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.runs import empty_cache, keep, reach

RECIPE = Path("recipes/bank-intents.yaml")


def measure(seeds: int = 5) -> None:
    """Test accuracy by seed (the split changes), and seconds.

    The first seed fills the cache from nothing; the others find it filled.
    """
    rows = []
    with empty_cache():
        for seed in range(seeds):
            found = reach(RECIPE, f"seed={seed}", "explain.samples=0", "trackers=[]")
            timed = found.timing["seconds"]
            parts = ("frozen pass", "solving", "calibration")
            rows.append(
                {
                    "seed": seed,
                    "accuracy": found.metrics["test"]["accuracy"],
                    "tfidf_linear": found.metrics["baselines"]["tfidf_linear"]["accuracy"],
                    "training rows": found.metrics["data"]["train"],
                    "learning seconds": round(sum(timed[part] for part in parts), 1),
                    "frozen pass seconds": timed["frozen pass"],
                    "whole run seconds": round(found.seconds, 1),
                }
            )
    accuracies = [row["accuracy"]["value"] for row in rows]
    keep("intents", {"mean accuracy": statistics.mean(accuracies), "runs": rows})


if __name__ == "__main__":
    measure()
