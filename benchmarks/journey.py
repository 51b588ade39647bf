"""A whole journey against one Trainer + LoRA run, in the same run on the same rows of banking77.

The journey: out-of-fold answers to every training row by five folds, a search of 31 trials, then
training, measuring, explaining and the report, from an empty feature cache. The other side is one
final run of the LoRA peer from its first step to its answers, without the choice of its rate.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from benchmarks.peers.contest import in_process
from benchmarks.peers.rows import Rows, collected, write_rows
from benchmarks.peers.settings import Contest, read_settings
from benchmarks.runs import RESULTS, empty_cache, keep
from journeyman import TextClassifier
from journeyman.catalogue.backbones import resolve
from journeyman.journey import travel
from journeyman.recipe import load_recipe

RECIPE = Path("recipes/bank-intents.yaml")
PEER = "transformers Trainer, PEFT LoRA on all layers"
FOLDS = 5
SPACE = {
    "finetune.head.layers": [[6], [5, 6], [4, 5, 6], [3, 4, 5, 6], [1, 2, 3, 4, 5, 6]],
    "finetune.head.kernel": [True, False],
    "finetune.head.alphas": ["auto", [0.001], [0.01]],
}
TRIALS = 31
"""The recipe as it stands, and each of the thirty settings of the space."""


def measure(
    seed: int = 0,
    *,
    limit: int | None = None,
    trials: int = TRIALS,
    epochs: int | None = None,
    threads: int | None = None,
) -> None:
    """Seconds of both sides; `limit` rows, fewer `trials` and `epochs` make a smoke run."""
    contest = read_settings()
    contest = replace(contest, threads=threads or contest.threads)
    rows = collected("banking77", validation=contest.validation, seed=seed, limit=limit)
    with empty_cache():
        started = time.perf_counter()
        folds = out_of_fold(rows, contest.threads, seed)
        between = time.perf_counter()
        metrics = whole_run(contest, seed, limit, trials)
        ended = time.perf_counter()
    ours = {
        "out of fold": folds,
        "out of fold seconds": round(between - started, 1),
        "search, training and report seconds": round(ended - between, 1),
        "seconds": round(ended - started, 1),
        "trials": metrics["steps"]["search"]["trials"]["value"],
        "test accuracy": metrics["test"]["accuracy"],
    }
    peer = one_run(contest, rows, seed, epochs)
    part = limit is not None or epochs is not None or trials != TRIALS
    found = {"rows": rows.sizes(), "ours": ours, "trainer with LoRA": peer, "part": part}
    ratio = round(peer["seconds"] / ours["seconds"], 2)
    keep("journey-part" if part else "journey", {**found, "times faster": ratio})


def out_of_fold(rows: Rows, threads: int, seed: int) -> dict[str, Any]:
    """Each training row answered by a model that has not learned it; all folds share the cache."""
    everything = rows.train + rows.validation
    labels = np.array([rows.classes[label] for label in everything.labels])
    model = TextClassifier(precision="auto", threads=threads, random_state=seed)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    answers = cross_val_predict(model, everything.texts, labels, cv=folds)
    return {"rows": len(labels), "agree with the label": float(np.mean(answers == labels))}


def whole_run(contest: Contest, seed: int, limit: int | None, trials: int) -> dict[str, Any]:
    """The recipe with a search, from its data to its report; what metrics.json says."""
    sets = [f"seed={seed}", f"threads={contest.threads}", f"search.trials={trials}"]
    sets += [f"search.space={json.dumps(SPACE)}", "collect.fractions.exam=0"]
    if limit is not None:
        sets.append(f"data.limit={limit}")
    with tempfile.TemporaryDirectory() as folder:
        arrived = travel(load_recipe(RECIPE, [f"output={folder}/run", *sets]))
        found: dict[str, Any] = json.loads((arrived.folder / "metrics.json").read_text())
        return found


def one_run(contest: Contest, rows: Rows, seed: int, epochs: int | None) -> dict[str, Any]:
    """The LoRA peer once, at the setting and epochs that the contest chose, where it has."""
    setting, chosen = _setting(contest)
    if epochs is not None:
        setting, chosen = {**setting, "epochs": epochs}, epochs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        write_rows(rows, path)
        found = in_process(
            {
                "rows": str(path),
                "runs": "trainer_lora",
                "setting": setting,
                "seed": seed,
                "stage": "final",
                "threads": contest.threads,
                "epochs": chosen,
                "backbone": str(resolve(contest.backbone).folder),
            }
        )
    told = ("seconds", "process seconds", "processor_seconds", "accuracy")
    return {"setting": setting, "epochs": chosen, **{name: found[name] for name in told}}


def _setting(contest: Contest) -> tuple[dict[str, Any], int | None]:
    path = RESULTS / "peers.json"
    if path.is_file():
        for entry in json.loads(path.read_text(encoding="utf-8"))["figures"]["standings"]:
            if entry["contestant"] == PEER:
                return entry["setting"], entry["epochs"]
    peer = next(each for each in contest.contestants if each.name == PEER)
    return {**peer.fixed, **peer.grid[0]}, None


if __name__ == "__main__":
    measure()
