"""Learning from wrong labels in several ways, on the same frozen features.

`python -m benchmarks.noisy_training [banking77] [cifar10n]`: banking77 with 20 % of its training
labels flipped, uniformly and toward the most confusable class; cifar10n with what people said
(`random_label1`, 18 % wrong; `worse_label`, 42 %). Three seeds, one thread, MiniLM or
EfficientNet-Lite0 at 128 pixels. Ours: kernel ridge with labels as given and after
`label_cleaning`, and the linear head by cross-entropy, with smoothed labels and by the robust loss.
The rival is co-teaching (Han et al. 2018, "Co-teaching: robust training of deep neural networks
with extremely noisy labels"): two linear heads, each of which learns the rows of a batch that the
other has the smaller loss on. It is told the true share of wrong labels, which nobody knows; ours
are told nothing. Nothing is chosen: every linear head has 30 epochs and the last one is asked.
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
from torch import Tensor, nn

from benchmarks.audit import Flips
from benchmarks.audit import dataset as rows_of
from benchmarks.missing import banking, pictures
from benchmarks.missing_bench import HEAD, LAYERS, Bench, Rows, backbone_for
from benchmarks.runs import RESULTS, keep
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.training.cache import FeatureCache
from journeyman.training.cleaned_rows import clean_rows
from journeyman.training.feature_source import feature_source
from journeyman.training.label_cleaning import LabelCleaningOptions
from journeyman.training.loop import Split
from journeyman.training.options import FinetuneOptions
from journeyman.training.solving import solver_rows
from journeyman.training.trainer import finetune

SEEDS = 3
EPOCHS, BATCH, RATE = 30, 64, 2e-3
RISING = 10
"""Epochs over which co-teaching comes to leave out as many rows as are wrong."""
Case = tuple[str, Rows, Rows, Sequence[str]]
"""Its name, training rows with wrong labels, test rows, and the true labels of the former."""


def options(bench: Bench, **said: Any) -> FinetuneOptions:
    """Frozen layers under a head."""
    return FinetuneOptions.model_validate({"tuner": "none", "metric": "accuracy", **said})


def ours(bench: Bench, train: Rows, test: Rows, seed: int) -> dict[str, float]:
    """Test accuracy by way."""
    schema, none = bench.schema(train), train.select([])
    parts = bench.examples(train, schema), bench.examples(none, schema)
    layers = LAYERS[bench.name]
    solved = options(bench, head={**HEAD, "layers": layers})
    stepped = {"head": {"name": "linear", "layers": layers}, "epochs": EPOCHS, "patience": 0}
    stepped |= {"batch_size": BATCH, "head_learning_rate": RATE}
    cleaned = clean_rows(
        bench.task, bench.backbone, schema, *parts, LabelCleaningOptions(), seed=seed,
        cache=bench.cache, head=solved.head,
    )  # fmt: skip
    ways: dict[str, tuple[Any, FinetuneOptions]] = {
        "ridge": (parts[0], solved),
        "ridge, label_cleaning": (cleaned.train, solved),
        "linear": (parts[0], options(bench, **stepped)),
        "linear, smoothing 0.1": (
            parts[0], options(bench, **stepped, objective={"name": "labels", "smoothing": 0.1})
        ),
        "linear, robust": (parts[0], options(bench, **stepped, objective="robust")),
        "linear, label_cleaning": (cleaned.train, options(bench, **stepped)),
    }  # fmt: skip
    found = {}
    for name, (learned, said) in ways.items():
        trained = finetune(
            bench.task, bench.backbone, schema, learned, parts[1], said, seed=seed,
            cache=bench.cache,
        )  # fmt: skip
        found[name] = float(bench.right(trained, schema, test).mean())
    return found


def features(bench: Bench, rows: Rows) -> Tensor:
    """[N, F] what a linear head reads: its layers side by side, each row normalised."""
    schema = bench.schema(rows)
    said = options(bench, head={"name": "ridge", "layers": LAYERS[bench.name]})
    some = rows.select(range(min(len(rows), 200)))
    known = bench.examples(some, schema)
    learner = finetune(
        bench.task, bench.backbone, schema, known, known.select(np.arange(0)), said, seed=0,
        cache=bench.cache,
    ).learner  # fmt: skip
    asked = bench.examples(rows, schema)
    source = feature_source(learner, asked, bench.cache)
    layers = solver_rows(learner, Split(asked, source))
    stacked = torch.cat([layers[at] for at in LAYERS[bench.name]], 1)
    return nn.functional.layer_norm(stacked, stacked.shape[1:])


def batches(count: int, random: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of an epoch's steps."""
    yield from torch.randperm(count, generator=random).split(BATCH)


def co_taught(train: Tensor, given: Tensor, wrong: float, classes: int, seed: int) -> nn.Module:
    """Two heads that choose each other's rows, `wrong` of which are left out in the end."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    heads = nn.ModuleList(nn.Linear(train.shape[1], classes) for _ in range(2))
    optimiser = torch.optim.AdamW(heads.parameters(), lr=RATE, weight_decay=0.01)
    steps = EPOCHS * -(-len(train) // BATCH)
    fading = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
    for epoch in range(EPOCHS):
        share = 1 - wrong * min((epoch + 1) / RISING, 1.0)
        for at in batches(len(train), random):
            rows = nn.functional.dropout(train[at], 0.1)
            losses = [
                nn.functional.cross_entropy(head(rows), given[at], reduction="none")
                for head in heads
            ]
            kept = [loss.detach().argsort()[: max(round(share * len(at)), 1)] for loss in losses]
            optimiser.zero_grad()
            (losses[0][kept[1]].mean() + losses[1][kept[0]].mean()).backward()
            optimiser.step()
            fading.step()
    return heads


@torch.no_grad()
def rival(bench: Bench, train: Rows, test: Rows, wrong: float, seed: int) -> float:
    """Test accuracy of co-teaching; both heads answer together."""
    names = sorted(set(train.labels))
    given = torch.tensor([names.index(label) for label in train.labels])
    with torch.enable_grad():
        heads = co_taught(features(bench, train), given, wrong, len(names), seed)
    asked = features(bench, test)
    said = sum(head(asked).softmax(1) for head in heads.children()).argmax(1)
    return float(np.mean([names[at] == label for at, label in zip(said, test.labels, strict=True)]))


def measured(bench: Bench, case: Case, seed: int) -> dict[str, float]:
    """Every way on one case, beside what the true labels give."""
    _, train, test, true = case
    wrong = float(np.mean([one != two for one, two in zip(train.labels, true, strict=True)]))
    clean = ours(bench, Rows(train.texts, true), test, seed)
    found = {"wrong": wrong, "ridge, true labels": clean["ridge"],
             "linear, true labels": clean["linear"]}  # fmt: skip
    found |= ours(bench, train, test, seed)
    return {**found, "co-teaching": rival(bench, train, test, wrong, seed)}


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
