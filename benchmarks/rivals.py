"""snippets without a network: VADER, TF-IDF + linear and one human rater on the same splits."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.runs import keep
from benchmarks.sentiment import DOMAINS, RECIPE
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.data.collection import Collection, collect
from journeyman.data.options import DataOptions
from journeyman.evaluation.baselines.base import run_baselines
from journeyman.evaluation.classification import macro_f1_score
from journeyman.evaluation.intervals import Resampling
from journeyman.evaluation.rater import compare_raters
from journeyman.recipe.loading import load_recipe

NAMES = ("tfidf_linear", "vader")
HUMAN = "one human rater"


def measure(seeds: int = 3) -> None:
    """Mean test macro-F1 by domain over the splits of each seed."""
    found: dict[str, dict[str, list[float]]] = {}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            split = _collected(seed, Path(folder))
            for name, by_domain in _of(split, seed).items():
                for domain, value in by_domain.items():
                    found.setdefault(name, {}).setdefault(domain, []).append(value)
    means = {
        name: {domain: statistics.mean(values) for domain, values in by_domain.items()}
        for name, by_domain in found.items()
    }
    keep("rivals", {"seeds": seeds, "mean macro_f1": means})


def _collected(seed: int, folder: Path) -> Collection:
    recipe = load_recipe(RECIPE)
    dataset = resolve_dataset("snippets")
    data = DataOptions(**{**dataset.columns, "dataset": "snippets"})
    return collect(
        data, recipe.collect, folder=folder, seed=seed, files=dataset.files, kind="label"
    )


def _of(split: Collection, seed: int) -> dict[str, dict[str, float]]:
    train, validation, test = (
        (table.column("text"), table.column("label"))
        for table in (split.train, split.validation, split.test)
    )
    run = run_baselines("label", train, validation, test[0], names=NAMES, seed=seed)
    domains, ratings = split.test.column("domain"), split.test.column("ratings")
    scores: dict[str, dict[str, float]] = {}
    for domain in DOMAINS:
        rows = [at for at, name in enumerate(domains) if name == domain]
        truth = [test[1][at] for at in rows]
        for name, guesses in run.predictions.items():
            value = macro_f1_score(truth, [guesses[at] for at in rows])
            scores.setdefault(name, {})[domain] = value
        human = compare_raters(
            [ratings[at] for at in rows], seed=seed, resampling=Resampling(resamples=2)
        ).human
        scores.setdefault(HUMAN, {})[domain] = float(human["macro_f1"].value or 0.0)
    return scores


if __name__ == "__main__":
    measure()
