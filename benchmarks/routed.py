"""snippets: one tuned model for each domain behind a router, made as a user makes it.

Each domain has a run of recipes/sentiment.yaml on its rows alone, and none sees another's. A run
with a solved head on frozen layers learns the domains; `ensemble` puts it before the four. Beside
it the recipe on all rows at once, and a solved head on frozen layers that has all rows too. Rows
are split as in `continual_domains`; nothing is chosen by test rows.

`python -m benchmarks.routed [SEEDS] [FIELD=VALUE ...]`
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import journeyman
from benchmarks.continual_domains import Asked, gathered
from benchmarks.runs import empty_cache, keep
from benchmarks.sentiment import DOMAINS
from journeyman.journey import travel
from journeyman.model import Model
from journeyman.progress import Reporter
from journeyman.recipe import load_recipe
from journeyman.types import Row

RECIPE = Path("recipes/sentiment.yaml")
HEAD = "tuner: none, head: {name: ridge, kernel: false}"
COLUMNS = ("data.text=text", "data.group=group", "data.id=id", "data.slices=[domain]")
SENTIMENT = ("data.label=label", "data.soft_label=soft_label")
FROZEN = (*SENTIMENT, f"finetune={{{HEAD}, balance: {{power: 0.5, within: domain}}}}")
ROUTER = ("data.label=domain", f"finetune={{{HEAD}}}")
PARTS = ("train", "validation", "test")


def measure(seeds: int = 1, *sets: str) -> None:
    """Macro-F1 by domain, how often the router is right, and seconds of each run."""
    runs = []
    for seed in range(seeds):
        with empty_cache(), tempfile.TemporaryDirectory() as folder:
            runs.append(_seed(seed, Path(folder), sets))
            keep("routed", {"runs": runs, "settings": list(sets)})


def _seed(seed: int, place: Path, sets: tuple[str, ...]) -> dict[str, Any]:
    rows = gathered(Asked(seed=seed))[1]
    files = {domain: _files(place / domain, rows, (domain,)) for domain in DOMAINS}
    every = _files(place / "all", rows, DOMAINS)
    seconds: dict[str, float] = {}

    def made(name: str, said: Mapping[str, str], more: Sequence[str] = SENTIMENT) -> Model:
        began = time.process_time()
        model = _run(place / "runs" / name, said, seed, (*COLUMNS, *more, *sets))
        seconds[name] = round(time.process_time() - began, 1)
        return model

    members = {domain: made(domain, files[domain]) for domain in DOMAINS}
    router = made("router", every, ROUTER)
    routed = journeyman.ensemble(members, router=router, name="routed")
    others = {
        "tuned, all rows at once": made("at once", every),
        "frozen, all rows at once": made("frozen", every, FROZEN),
    }
    tests = {domain: rows["test"][domain] for domain in DOMAINS}
    led = {d: [a.label for a in router.predict(_texts(t, router))] for d, t in tests.items()}
    hits = [label == domain for domain, labels in led.items() for label in labels]
    return {
        "seed": seed,
        "router is right": round(sum(hits) / len(hits), 4),
        "processor seconds": seconds,
        "macro_f1": {
            "routed": _scores(routed, tests),
            **{name: _scores(model, tests) for name, model in others.items()},
            "each by its own, were every turn right": {
                domain: _scores(members[domain], {domain: test})[domain]
                for domain, test in tests.items()
            },
        },
    }


def _files(place: Path, rows: Any, domains: Sequence[str]) -> dict[str, str]:
    """A file for each part, of the rows of these domains."""
    place.mkdir(parents=True)
    found = {}
    for part in PARTS:
        chosen = [row for domain in domains for row in rows[part][domain]]
        lines = [json.dumps(dict(row)) for row in chosen]
        path = place / f"{part}.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found[f"data.{part}"] = str(path)
    return found


def _run(folder: Path, said: Mapping[str, str], seed: int, more: Sequence[str]) -> Model:
    """The model of the recipe on rows of these files."""
    sets = [f"{name}={value}" for name, value in said.items()]
    usual = [f"output={folder}", f"seed={seed}", "data.dataset=null", "trackers=[]", "audit=null"]
    usual += ["explain.samples=0", "collect.fractions={validation: 0.05, exam: 0.0, test: 0.2}"]
    travel(load_recipe(RECIPE, [*usual, *sets, *more]), Reporter(quiet=True))
    return journeyman.load(folder)


def _texts(rows: Sequence[Row], model: Model) -> list[str]:
    return [str(model.learner.task.text(row, model.columns)) for row in rows]


def _scores(model: Model, tests: Mapping[str, Sequence[Row]]) -> dict[str, float]:
    return {
        domain: round(model.evaluate(rows).overall.metrics["macro_f1"].value, 4)
        for domain, rows in tests.items()
    }


if __name__ == "__main__":
    measure(*map(int, sys.argv[1:2]), *sys.argv[2:])
