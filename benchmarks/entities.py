"""broad_twitter_ner: span F1 on test, beside a conditional random field in the same run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.runs import empty_cache, keep, reach

RECIPE = Path("recipes/twitter-entities.yaml")


def measure(seeds: int = 1) -> None:
    """Test span F1 with intervals, by seed."""
    rows = []
    with empty_cache():
        for seed in range(seeds):
            found = reach(RECIPE, f"seed={seed}", "explain.samples=0", "trackers=[]")
            rows.append(
                {
                    "seed": seed,
                    "span_f1": found.metrics["test"]["span_f1"],
                    "baselines": {n: m["span_f1"] for n, m in found.metrics["baselines"].items()},
                    "whole run seconds": round(found.seconds, 1),
                    "seconds": found.timing["seconds"],
                }
            )
    keep("entities", {"runs": rows})


if __name__ == "__main__":
    measure()
