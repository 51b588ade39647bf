"""What pretraining on the training rows' own texts adds where few of them are labelled.

banking77 with 8 labels a class: the backbone is pretrained further on the texts of all 10,003
training rows without their labels, by masked language modelling or by contrast; then a ridge head
is solved on the labelled rows, on features of the backbone before and after, and measured on the
test rows. Settings of both methods were fixed beforehand.
"""

from __future__ import annotations

import csv
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runs import empty_cache, keep, reach
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.data.options import DataOptions
from journeyman.data.questions import labelled_rows

LABELS = (8, 16)
METHODS: dict[str, dict[str, Any] | None] = {
    "as it is": None,
    "mlm, cut 2, 3 epochs": {"method": "mlm", "cut": 2, "epochs": 3},
    "mlm of whole words, cut 2, 3 epochs": {
        "method": {"name": "mlm", "whole_words": True},
        "cut": 2,
        "epochs": 3,
    },
    "contrast, cut 2, 1 epoch": {"method": "contrast", "cut": 2, "batch_size": 64},
    "contrast, cut 4, 1 epoch": {"method": "contrast", "cut": 4, "batch_size": 64},
}


def measure(seeds: int = 3) -> None:
    """Mean test accuracy by method and labels a class, over draws of the labelled rows."""
    found: dict[str, dict[str, list[float]]] = {}
    seconds: dict[str, list[float]] = {}
    with empty_cache(), tempfile.TemporaryDirectory() as folder:
        rows = _rows("train")
        texts = Path(folder) / "texts.txt"
        texts.write_text("\n".join(" ".join(row["text"].split()) for row in rows), "utf-8")
        test = _write(Path(folder) / "test.csv", _rows("test"))
        for labels in LABELS:
            for seed in range(seeds):
                few = _write(Path(folder) / "few.csv", _few(rows, labels, seed))
                for name, said in METHODS.items():
                    started = time.perf_counter()
                    accuracy = _accuracy(few, test, texts, said, seed)
                    seconds.setdefault(name, []).append(time.perf_counter() - started)
                    found.setdefault(name, {}).setdefault(str(labels), []).append(accuracy)
    keep(
        "pretraining",
        {
            "mean accuracy": {
                name: {labels: statistics.mean(values) for labels, values in by.items()}
                for name, by in found.items()
            },
            "accuracy": found,
            "mean seconds of a run": {n: round(statistics.mean(s), 1) for n, s in seconds.items()},
        },
    )


def _accuracy(few: str, test: str, texts: Path, said: dict[str, Any] | None, seed: int) -> float:
    pretrain = {} if said is None else {"pretrain": {**said, "data": [str(texts)]}}
    recipe = {
        "name": "few",
        "task": "text-classification",
        "backbone": "minilm-l6",
        "data": {"train": few, "test": test, "text": "text", "label": "label"},
        "collect": {"fractions": {"validation": 0.25, "exam": 0.0, "test": 0.2}},
        "finetune": {"tuner": "none", "head": "ridge", "metric": "accuracy"},
        "explain": {"samples": 0},
        "trackers": [],
        "seed": seed,
        **pretrain,
    }
    return float(reach(recipe).metrics["test"]["accuracy"]["value"])


def _rows(split: str) -> list[dict[str, Any]]:
    file = str(resolve_dataset("banking77").files[split])
    rows, _ = labelled_rows(file, DataOptions(train=file, text="text", label="label"), "label")
    return rows


def _few(rows: list[dict[str, Any]], labels: int, seed: int) -> list[dict[str, Any]]:
    """`labels` rows a class, drawn at random."""
    draw = np.random.default_rng(seed)
    chosen: list[dict[str, Any]] = []
    for label in sorted({row["label"] for row in rows}):
        own = [row for row in rows if row["label"] == label]
        chosen += [own[i] for i in draw.permutation(len(own))[:labels]]
    return chosen


def _write(path: Path, rows: list[dict[str, Any]]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


if __name__ == "__main__":
    measure()
