"""snippets, a domain left out: does word dropout help a model there? Each of four in turn.

MiniLM is tuned as in recipes/sentiment.yaml on rows of three domains; macro-F1 is measured on the
fourth, of which nothing is seen, with word dropout and without. Validation rows are of the three.
Run as `python -m benchmarks.robustness [SEEDS] [ROWS] [HEAD]`: draws of the rows (1), rows of a
domain at most (1500), and the head (ridge, or linear as the loop left it).
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runs import empty_cache, keep
from benchmarks.sentiment import DOMAINS
from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.data.options import DataOptions
from journeyman.data.readers.registry import read
from journeyman.data.record import Record
from journeyman.tasks.text_classification import TextClassification
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import make_examples
from journeyman.training.feature_source import feature_source
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune
from journeyman.types import Row

BASE: dict[str, Any] = {"tuner": "full", "cut": 1, "epochs": 2, "learning_rate": 1.5e-4}
METHODS: dict[str, dict[str, Any]] = {
    "none": {},
    "word dropout": {"augment": {"kinds": ["word-dropout"]}},
    "none, twice the epochs": {"epochs": 4},
}
"""The last one costs as much as a changed copy of each row: what copies must beat."""


def measure(seeds: int = 1, rows: int = 1500, head: str = "ridge") -> None:
    """Macro-F1 on each domain left out, by method; means over draws, and the gain over none."""
    data, known = snippets()
    backbone = network()
    found: dict[str, dict[str, list[float]]] = {name: {} for name in METHODS}
    with empty_cache():
        cache = FeatureCache()
        for seed in range(seeds):
            draw = np.random.default_rng(seed)
            drawn = {d: _some([r for r in known if r["domain"] == d], rows, draw) for d in DOMAINS}
            for left in DOMAINS:
                for name, more in METHODS.items():
                    options = FinetuneOptions.model_validate({**BASE, "head": head, **more})
                    score = transferred(backbone, data, drawn, left, options, seed, cache)
                    found[name].setdefault(left, []).append(score)
                    keep("robustness", _figures(found, rows, head))


def transferred(
    backbone: Backbone,
    data: DataOptions,
    drawn: dict[str, list[Row]],
    left: str,
    options: FinetuneOptions,
    seed: int,
    cache: FeatureCache,
) -> float:
    """Macro-F1 on the domain `left` of a model of the others."""
    task = TextClassification()
    source = [row for domain in DOMAINS if domain != left for row in drawn[domain]]
    order = np.random.default_rng(seed).permutation(len(source))
    held = len(source) // 10
    parts = [[source[i] for i in order[held:]], [source[i] for i in order[:held]], drawn[left]]
    schema = task.schema([task.target(row, data) for row in parts[0]])
    train, validation, test = (make_examples(task, backbone, p, data, schema) for p in parts)
    trained = finetune(task, backbone, schema, train, validation, options, seed=seed, cache=cache)
    outputs = trained.learner.outputs(test, feature_source(trained.learner, test, cache))
    return task.score(outputs, test.targets, schema, "macro_f1")


def snippets() -> tuple[DataOptions, list[Row]]:
    """The columns and every training row."""
    found = resolve_dataset("snippets")
    data = DataOptions(**{**found.columns, "dataset": "snippets"})
    records = (
        each
        for file in found.files.values()
        for each in read(str(file), DataOptions(train=str(file)))
    )
    return data, [record.values for record in records if isinstance(record, Record)]


def network() -> Backbone:
    """MiniLM."""
    found = resolve("minilm-l6")
    spec = {"name": found.name, "licence": found.licence, "source": found.source}
    return load_backbone(Path(found.folder), {**spec, "sha256": found.sha256}, {"max_tokens": 64})


def _some(rows: Sequence[Row], most: int, draw: np.random.Generator) -> list[Row]:
    return [rows[i] for i in sorted(draw.permutation(len(rows))[:most].tolist())]


def _figures(found: dict[str, dict[str, list[float]]], rows: int, head: str) -> dict[str, Any]:
    means = {
        name: {domain: round(statistics.mean(scores), 4) for domain, scores in by.items()}
        for name, by in found.items()
        if by
    }
    gains = {
        name: {domain: round(value - means["none"][domain], 4) for domain, value in by.items()}
        for name, by in means.items()
    }
    return {"rows of a domain": rows, "head": head, "macro_f1": means, "gain": gains}


if __name__ == "__main__":
    seeds, rows, head = (*sys.argv[1:4], *("1", "1500", "ridge")[len(sys.argv) - 1 :])
    measure(int(seeds), int(rows), head)
