"""Models of several backbones that answer together, beside each of them alone, on test rows.

`python -m benchmarks.ensembles [NAME] [SEEDS] [FIELD=VALUE ...]`: `intents` (banking77, the solved
head on frozen layers) or `sentiment` (snippets by domain, both backbones tuned). The members of an
ensemble have the same rows, and count alike: nothing is chosen here.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.runs import empty_cache, keep
from journeyman.data.collection import Collection
from journeyman.ensembles.ensemble import ensemble
from journeyman.journey import travel
from journeyman.progress import Reporter
from journeyman.recipe import load_recipe


@dataclass(frozen=True)
class Contest:
    """A recipe, what each member of the ensemble changes in it, and the metric to tell."""

    recipe: str
    members: Mapping[str, tuple[str, ...]]
    metric: str
    slices: str = ""


E5 = "backbone.name=e5-small"
CONTESTS = {
    "intents": Contest(
        "recipes/bank-intents.yaml",
        {"minilm-l6": (), "e5-small": (E5,), "mpnet-base": ("backbone.name=mpnet-base",)},
        "accuracy",
    ),
    "sentiment": Contest(
        "recipes/sentiment.yaml",
        {
            "minilm-l6": (),
            "e5-small": (
                E5,
                "finetune.learning_rate=1e-4",
                "finetune.balance.power=0.65",
                "finetune.head=ridge",
            ),
        },
        "macro_f1",
        "domain",
    ),
}
TOGETHER = "together"


def measure(name: str = "intents", seeds: int = 3, *sets: str) -> None:
    """Test figures of each member and of the ensemble, by seed; seconds of the members' runs."""
    contest, rows = CONTESTS[name], []
    with empty_cache():
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as place:
                rows.append({"seed": seed, **_run(contest, Path(place), seed, *sets)})
            who = [*contest.members, TOGETHER]
            means = {each: _mean([row[each]["figures"] for row in rows]) for each in who}
            keep(f"ensemble_{name}", {"metric": contest.metric, "mean": means, "runs": rows})


def _run(contest: Contest, place: Path, seed: int, *sets: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    always = (f"seed={seed}", "trackers=[]", "explain.samples=0", *sets)
    for name, said in contest.members.items():
        started = time.perf_counter()
        recipe = load_recipe(Path(contest.recipe), [f"output={place / name}", *said, *always])
        travel(recipe, Reporter(quiet=True))
        found[name] = {"seconds": round(time.perf_counter() - started, 1)}
    together = ensemble([place / name for name in contest.members])
    found[TOGETHER] = {"seconds": round(sum(each["seconds"] for each in found.values()), 1)}
    rows = list(Collection.load(place / next(iter(contest.members)) / "data").test.rows())
    models = dict(zip(contest.members, together.members, strict=True)) | {TOGETHER: together}
    for name, model in models.items():
        measured = model.evaluate(rows).to_json()
        by = {"all": measured["metrics"], **measured["slices"].get(contest.slices, {})}
        figures = {value: round(each[contest.metric]["value"], 4) for value, each in by.items()}
        ece = round(measured["metrics"]["ece"]["value"], 4)
        found[name] |= {"figures": figures, "ece": ece}
    return found


def _mean(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.mean(run[name] for run in runs), 4) for name in runs[0]}


if __name__ == "__main__":
    measure(*sys.argv[1:2], *map(int, sys.argv[2:3]), *sys.argv[3:])
