"""snippets: macro-F1 on each of four domains beside VADER, TF-IDF and one human rater."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.runs import empty_cache, keep, reach

RECIPE = Path("recipes/sentiment.yaml")
DOMAINS = ("tweets", "movie", "amazon", "nyt")


def measure(name: str = "sentiment", seeds: int = 3, *sets: str) -> None:
    """Test macro-F1 by domain and seed; the first seed fills the cache from nothing."""
    rows: list[dict[str, Any]] = []
    with empty_cache():
        for seed in range(seeds):
            found = reach(RECIPE, f"seed={seed}", "trackers=[]", *sets)
            domains = found.metrics["slices"]["domain"]
            rows.append(
                {
                    "seed": seed,
                    **{d: domains[d]["macro_f1"]["value"] for d in DOMAINS},
                    "ece": found.metrics["test"]["ece"]["value"],
                    "whole run seconds": round(found.seconds, 1),
                    "seconds": found.timing["seconds"],
                }
            )
            means = {d: statistics.mean(row[d] for row in rows) for d in DOMAINS}
            keep(name, {"mean macro_f1": means, "settings": list(sets), "runs": rows})


if __name__ == "__main__":
    measure(*sys.argv[1:2], *map(int, sys.argv[2:3]), *sys.argv[3:])
