"""banking77: the solved head of recipes/bank-intents.yaml against our own full fine-tuning, paired.

Both learn from all training rows but a tenth to choose by, which a solved head takes in at the end
(`refit`), on the same split seed by seed. Rate, head and epochs of full fine-tuning are chosen on
the validation rows of seed 0, from `GRID`; each seed may stop early. A run that was stopped goes on
when it is started again, and `python -m benchmarks.paired_intents full --threads 1` runs one side
alone, on other threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.pairs import mean_over_rows, paired, paired_with_seeds
from benchmarks.peers.contest import in_process
from benchmarks.peers.piece import bits, unpacked
from benchmarks.peers.rows import Rows, collected, write_rows
from benchmarks.peers.settings import Contest, read_settings
from benchmarks.runs import RESULTS, empty_cache, record
from journeyman.data.collection import Collection
from journeyman.journey import travel
from journeyman.model import Model
from journeyman.progress import QUIET
from journeyman.recipe import load_recipe

NAME = "paired_intents"
RECIPE = Path("recipes/bank-intents.yaml")
FULL = {"cache": "empty", "tuner": "full", "cut": 0}
GRID: tuple[dict[str, Any], ...] = (
    {"learning_rate": 2e-4, "head": "ridge", "epochs": 5},
    {"learning_rate": 2e-4, "head": "linear", "epochs": 5},
    {"learning_rate": 1e-4, "head": "ridge", "epochs": 5},
    {"learning_rate": 4e-4, "head": "ridge", "epochs": 5},
    {"learning_rate": 2e-4, "head": "ridge", "epochs": 10},
)
"""Settings of full fine-tuning that are tried."""
SIDES = ("solved", "full")
MARGIN = 0.005
LEARNING = ("frozen pass", "solving", "calibration")


def measure(
    seeds: int = 5,
    *,
    sides: Sequence[str] = SIDES,
    limit: int | None = None,
    epochs: int | None = None,
    threads: int | None = None,
) -> None:
    """The sides seed by seed; `limit` rows and `epochs` make a smoke run of its own name."""
    name = NAME if limit is None and epochs is None else f"{NAME}-part"
    kept = _kept(name, {"limit": limit, "epochs": epochs})
    contest = read_settings()
    contest = replace(contest, threads=threads or contest.threads)
    setting = _chosen(name, kept, contest, limit, epochs) if "full" in sides else {}
    for seed in range(seeds):
        rows = _rows(contest, seed, limit)
        done = kept["seeds"].setdefault(str(seed), {})
        for side in (side for side in sides if side not in done):
            found = (
                solved(contest, seed, rows, limit)
                if side == "solved"
                else _piece(contest, rows, setting, seed, "final")
            )
            done[side] = {"threads": contest.threads, **found}
            _write(name, kept)
    print(json.dumps(figures(kept["seeds"]), indent=1))


def solved(contest: Contest, seed: int, rows: Rows, limit: int | None) -> dict[str, Any]:
    """The recipe run from an empty cache; which test rows are right, and seconds."""
    sets = ["collect.fractions.exam=0", "trackers=[]", "explain.samples=0", f"seed={seed}"]
    sets += [f"threads={contest.threads}"] + [f"data.limit={limit}"] * (limit is not None)
    with empty_cache(), tempfile.TemporaryDirectory() as folder:
        recipe = load_recipe(RECIPE, [f"output={folder}/run", *sets])
        started = time.perf_counter()
        arrived = travel(recipe)
        seconds = time.perf_counter() - started
        timing = json.loads((arrived.folder / "timing.json").read_text())["seconds"]
        split = Collection.load(arrived.folder / "data")
        tests = split.test.rows()
        predictions, _ = Model.load(arrived.model).measure(tests, reporter=QUIET)
    if [str(row["text"]) for row in tests] != rows.test.texts:
        raise SystemExit("the two sides are tested on different rows")
    truth = [str(row[str(split.columns.label)]) for row in tests]
    right = [p.to_json()["label"] == t for p, t in zip(predictions, truth, strict=True)]
    return {
        "right": bits(right),
        "accuracy": sum(right) / len(right),
        "learning seconds": round(sum(timing[part] for part in LEARNING), 1),
        "whole run seconds": round(seconds, 1),
        "training rows": len(split.train) + len(split.validation),
    }


def figures(seeds: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracies, and the paired difference of the solved head less full fine-tuning."""
    both = {int(seed): found for seed, found in seeds.items() if set(SIDES) <= set(found)}
    if not both:
        return {}
    sides = {
        side: {seed: unpacked(found[side]["right"]) for seed, found in both.items()}
        for side in SIDES
    }
    difference = paired(sides["solved"], sides["full"])
    return {
        "seeds": len(both),
        **{side: mean_over_rows(list(right.values())).to_json() for side, right in sides.items()},
        "difference": difference.to_json(),
        "difference, seeds drawn too": paired_with_seeds(sides["solved"], sides["full"]).to_json(),
        "margin": MARGIN,
        "not inferior": difference.low is not None and difference.low > -MARGIN,
        "solved learning seconds": _mean(both, "solved", "learning seconds"),
        "solved whole run seconds": _mean(both, "solved", "whole run seconds"),
        "full processor seconds": _mean(both, "full", "processor_seconds"),
    }


def _mean(both: Mapping[int, Any], side: str, name: str) -> float:
    return round(statistics.mean(float(found[side][name]) for found in both.values()), 1)


def _chosen(
    name: str,
    kept: dict[str, Any],
    contest: Contest,
    limit: int | None,
    epochs: int | None,
) -> dict[str, Any]:
    """The setting of full fine-tuning that validation rows of seed 0 favour; each one is kept."""
    rows = _rows(contest, 0, limit)
    grid = GRID if limit is None else GRID[:1]
    more = {} if epochs is None else {"epochs": epochs}
    for at, entry in enumerate(grid):
        setting = {**FULL, **entry, **more}
        if at >= len(kept["tried"]):
            found = _piece(contest, rows, setting, 0, "choose")
            kept["tried"].append({"setting": setting, "threads": contest.threads, **found})
            _write(name, kept)
    best = max(kept["tried"], key=lambda tried: tried["score"])
    chosen: dict[str, Any] = best["setting"]
    return chosen


def _piece(
    contest: Contest, rows: Rows, setting: dict[str, Any], seed: int, stage: str
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        write_rows(rows, path)
        return in_process(
            {
                "rows": str(path),
                "runs": "ours",
                "setting": setting,
                "seed": seed,
                "stage": stage,
                "threads": contest.threads,
                "epochs": None,
                "backbone": contest.backbone,
            }
        )


def _rows(contest: Contest, seed: int, limit: int | None) -> Rows:
    return collected("banking77", validation=contest.validation, seed=seed, limit=limit)


def _kept(name: str, about: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run left, if it was asked the same."""
    path = RESULTS / f"{name}.json"
    if path.is_file():
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["figures"]
        if held["about"] == about:
            return held
    return {"about": about, "tried": [], "seeds": {}}


def _write(name: str, kept: dict[str, Any]) -> None:
    record(name, {**kept, "summary": figures(kept["seeds"])})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paired_intents")
    parser.add_argument("sides", nargs="*", help=f"of {', '.join(SIDES)}; default: both")
    parser.add_argument("--threads", type=int, help="default: as settings.toml says")
    given = parser.parse_args()
    measure(sides=given.sides or SIDES, threads=given.threads)
