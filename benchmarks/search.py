"""A whole journey on banking77 with a search of 30 trials over solved heads and LoRA.

From an empty cache: data, frozen pass, trials, the model of the best settings, baselines, report.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.runs import empty_cache, keep, reach

RECIPE = Path("recipes/bank-intents.yaml")
SPACE = (
    "search.space={finetune.tuner: [none, lora], finetune.cut: [4, 5], "
    "finetune.learning_rate: {low: 2e-4, high: 2e-3, log: true}, "
    "finetune.epochs: {low: 1, high: 4}, finetune.tuner.rank: [8, 16], "
    "finetune.head.kernel: [true, false], finetune.head.exact_rows: [0, 10240]}"
)


def measure(trials: int = 30, seeds: int = 1, processes: tuple[int, ...] = (1, 2)) -> None:
    """Wall seconds of the journey and of its search, and accuracy, by processes and seed."""
    rows = []
    for count in processes:
        for seed in range(seeds):
            with empty_cache():
                rows.append(_journey(trials, seed, count))
            keep("search", {"trials": trials, "runs": rows})


def climb(budgets: tuple[str, ...] = ("", "5m")) -> None:
    """The ladder on the same data: which rung it keeps, seconds and accuracy."""
    rows = []
    for budget in budgets:
        sets = ["finetune.tuner=auto", *([f"finetune.budget={budget}"] if budget else [])]
        with empty_cache():
            found = reach(RECIPE, *sets, "explain.samples=0", "trackers=[]")
        told = found.metrics["steps"]["finetune"]
        scores = {name: told[name]["value"] for name in told if name.startswith("validation score")}
        rows.append(
            {
                "budget": budget or "none",
                "kept": told["tuner kept"]["value"],
                "validation": scores,
                "accuracy": found.metrics["test"]["accuracy"],
                "whole run seconds": round(found.seconds, 1),
            }
        )
        keep("ladder", {"runs": rows})


def _journey(trials: int, seed: int, processes: int) -> dict[str, Any]:
    sets = ("explain.samples=0", "trackers=[]", f"seed={seed}", SPACE)
    found = reach(RECIPE, *sets, f"search.trials={trials}", f"search.processes={processes}")
    told = found.metrics["steps"]["search"]
    return {
        "seed": seed,
        "processes": processes,
        "whole run seconds": round(found.seconds, 1),
        "search seconds": found.timing["seconds"]["search"],
        "pruned": told["trials pruned"]["value"],
        "best": {n: told[n]["value"] for n in told if n.startswith("best ")},
        "importance": {n: told[n]["value"] for n in told if n.startswith("importance")},
        "accuracy": found.metrics["test"]["accuracy"],
        "tfidf_linear": found.metrics["baselines"]["tfidf_linear"]["accuracy"],
    }


def main() -> None:
    """Both parts, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=("search", "ladder"))
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=1)
    said = parser.parse_args()
    if said.part != "ladder":
        measure(said.trials, said.seeds)
    if said.part != "search":
        climb()


if __name__ == "__main__":
    main()
