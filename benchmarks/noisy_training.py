"""Learning from wrong labels in several ways, on the same frozen features.

`python -m benchmarks.noisy_training [banking77] [cifar10n]`: banking77 with 20 % of its training
labels flipped, uniformly and toward the most confusable class; cifar10n with what people said
(`random_label1`, 18 % wrong; `worse_label`, 42 %). Three seeds, one thread, MiniLM or
EfficientNet-Lite0 at 128 pixels. Kernel ridge with labels as given and after `label_cleaning`; the
linear head by cross-entropy, with smoothed labels, by the robust loss and after cleaning;
co-teaching told the share of wrong labels that cleaning estimates and, which nobody knows, the true
one. Nothing is chosen: every head that is trained in steps has 30 epochs, and the last is asked.
Accuracy on test rows with their true labels.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.audit import Flips
from benchmarks.audit import dataset as rows_of
from benchmarks.missing import banking, pictures
from benchmarks.missing_bench import HEAD, LAYERS, Bench, Rows, backbone_for
from benchmarks.runs import RESULTS, keep
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.cleaned_rows import clean_rows
from journeyman.training.label_cleaning import LabelCleaningOptions
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune

SEEDS = 3
EPOCHS, BATCH, RATE = 30, 64, 2e-3
Case = tuple[str, Rows, Rows, Sequence[str]]
"""Its name, training rows with wrong labels, test rows, and the true labels of the former."""


def options(bench: Bench, **said: Any) -> FinetuneOptions:
    """Frozen layers under a head."""
    return FinetuneOptions.model_validate({"tuner": "none", "metric": "accuracy", **said})


def ways_of(bench: Bench, train: Rows, test: Rows, wrong: float, seed: int) -> dict[str, float]:
    """Test accuracy by way, and the share of `wrong` labels that cleaning estimates; where none is
    wrong, by the plain ways alone."""
    schema, none = bench.schema(train), train.select([])
    parts = bench.examples(train, schema), bench.examples(none, schema)
    layers = LAYERS[bench.name]
    solved = options(bench, head={**HEAD, "layers": layers})
    stepped = {"head": {"name": "linear", "layers": layers}, "epochs": EPOCHS, "patience": 0}
    stepped |= {"batch_size": BATCH, "head_learning_rate": RATE}
    twin = {**stepped, "head": {"name": "twin", "layers": layers}}
    cleaned = clean_rows(
        bench.task, bench.backbone, schema, *parts, LabelCleaningOptions(), seed=seed,
        cache=bench.cache, head=solved.head,
    )  # fmt: skip
    seen = min(max(cleaned.cleaning.doubts.noise, 0.01), 0.9)
    ways: dict[str, tuple[Any, FinetuneOptions]] = {
        "ridge": (parts[0], solved),
        "ridge, label_cleaning": (cleaned.train, solved),
        "linear": (parts[0], options(bench, **stepped)),
        "linear, smoothing 0.1": (
            parts[0], options(bench, **stepped, objective={"name": "labels", "smoothing": 0.1})
        ),
        "linear, robust": (parts[0], options(bench, **stepped, objective="robust")),
        "linear, label_cleaning": (cleaned.train, options(bench, **stepped)),
        **{
            f"co-teaching, {name} share": (
                parts[0], options(bench, **twin, objective={"name": "co-teaching", "wrong": share})
            )
            for name, share in (("estimated", seen), ("true", wrong or seen))
        },
    }  # fmt: skip
    found = {"estimated share": seen}
    plain = ("ridge", "linear")
    for name, (learned, said) in ways.items():
        if not wrong and name not in plain:
            continue
        trained = finetune(
            bench.task, bench.backbone, schema, learned, parts[1], said, seed=seed,
            cache=bench.cache,
        )  # fmt: skip
        found[name] = float(bench.right(trained, schema, test).mean())
    return found


def measured(bench: Bench, case: Case, seed: int) -> dict[str, float]:
    """Every way on one case, beside what the true labels give."""
    _, train, test, true = case
    wrong = float(np.mean([one != two for one, two in zip(train.labels, true, strict=True)]))
    clean = ways_of(bench, Rows(train.texts, true), test, 0.0, seed)
    known = {f"{name}, true labels": clean[name] for name in ("ridge", "linear")}
    return {"true share": wrong, **known, **ways_of(bench, train, test, wrong, seed)}


def banking_cases(seed: int) -> Iterator[Case]:
    """Flips as `benchmarks.audit` has them."""
    train, test = banking()
    made = Flips(rows_of("banking77"))
    for kind in ("uniform", "toward"):
        given = made.given(kind, 0.2, seed)
        labels = [made.labels[at] for at in given]
        yield f"banking77, {kind} 20 %", Rows(train.texts, labels), test, train.labels


def picture_cases(seed: int) -> Iterator[Case]:
    """What people said of pictures; `seed` changes nothing of it."""
    train, test = pictures()
    path = Path(resolve_dataset("cifar10n").files["train"])
    lines = path.read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for column in ("random_label1", "worse_label"):
        labels = [row[column] for row in rows]
        yield f"cifar10n, {column}", Rows(train.texts, labels), test, train.labels


CASES = {"banking77": banking_cases, "cifar10n": picture_cases}


def measure(*names: str) -> None:
    """Measure the data sets named, or all, and keep their figures beside those of the others."""
    torch.set_num_threads(1)
    cache, path = FeatureCache(), RESULTS / "noisy_training.json"
    for name in names or CASES:
        bench, runs = Bench(name, backbone_for(name), cache), dict[str, list[dict[str, float]]]()
        for seed in range(SEEDS):
            for case in CASES[name](seed):
                runs.setdefault(case[0], []).append(measured(bench, case, seed))
        kept = json.loads(path.read_text("utf-8"))["figures"] if path.is_file() else {}
        keep("noisy_training", {**kept, **{case: _told(each) for case, each in runs.items()}})


def _told(runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    means = {way: round(statistics.mean(run[way] for run in runs), 4) for way in runs[0]}
    each = {way: [round(run[way], 4) for run in runs] for way in runs[0]}
    return {"mean": means, "runs": each}


if __name__ == "__main__":
    measure(*sys.argv[1:])
