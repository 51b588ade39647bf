"""What pretraining on the training rows' own texts adds where few of them are labelled.

banking77 with 8 labels a class: the backbone is pretrained further on the texts of all 10,003
training rows without their labels, by masked language modelling or by contrast; then a ridge head
is solved on the labelled rows, on features of the backbone before and after, and measured on the
test rows. Settings of both methods were fixed beforehand; how far the weights go is chosen on the
validation rows, or all of the way.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from benchmarks.drawn import draw, write_table
from benchmarks.runs import RESULTS, empty_cache, keep
from journeyman.journey import travel
from journeyman.progress import QUIET
from journeyman.recipe import load_recipe

LABELS = (8, 16)
MLM = {"method": "mlm", "cut": 2, "epochs": 3}
CONTRAST = {"method": "contrast", "cut": 2, "batch_size": 64}
METHODS: dict[str, dict[str, Any] | None] = {
    "as it is": None,
    "mlm, 3 epochs": MLM,
    "mlm, 3 epochs, all of the way": {**MLM, "interpolation": 1},
    "contrast, 1 epoch": CONTRAST,
    "contrast, 1 epoch, all of the way": {**CONTRAST, "interpolation": 1},
}
"""What is said of `pretrain`; but for the last of each method, how far is chosen on the validation
rows among the labelled ones."""


def measure(seeds: int = 3) -> None:
    """Mean test accuracy by method and labels a class, over draws of the labelled rows.

    Kept as each draw ends; what was kept with as many threads is not made again.
    """
    runs = _kept()
    with empty_cache(), tempfile.TemporaryDirectory() as folder:
        place, first = Path(folder), draw(0, LABELS[0])
        rows = [*first.train, *first.others]
        texts = place / "texts.txt"
        texts.write_text("\n".join(" ".join(row["text"].split()) for row in rows), "utf-8")
        test = write_table(place / "test.csv", first.test)
        for seed in range(seeds):
            few = {
                labels: write_table(place / f"{labels}-{seed}.csv", draw(seed, labels).train)
                for labels in LABELS
            }
            for name, said in METHODS.items():
                key = f"{name}, seed {seed}"
                if key not in runs:
                    runs[key] = _once(few, test, texts, said, seed)
                    keep("pretraining", _figures(runs))


def _once(
    few: dict[int, str], test: str, texts: Path, said: dict[str, Any] | None, seed: int
) -> dict[str, Any]:
    """Test accuracy by labels a class, on a backbone that is pretrained once."""
    found: dict[str, Any] = {"accuracy": {}}
    with tempfile.TemporaryDirectory() as folder:
        backbone = "minilm-l6"
        for labels, train in few.items():
            started = time.process_time()
            first = {} if said is None or labels != LABELS[0] else said
            pretrain = {"pretrain": {**first, "data": [str(texts)]}} if first else {}
            recipe = (
                _recipe(train, test, backbone, seed) | pretrain | {"output": f"{folder}/{labels}"}
            )
            travel(load_recipe(recipe), QUIET)
            metrics = json.loads((Path(folder) / str(labels) / "metrics.json").read_text("utf-8"))
            found["accuracy"][str(labels)] = metrics["test"]["accuracy"]["value"]
            if first:
                backbone = f"{folder}/{labels}/backbone"
            found.setdefault("processor seconds", round(time.process_time() - started, 1))
    return found


def _figures(runs: dict[str, Any]) -> dict[str, Any]:
    means: dict[str, Any] = {}
    for name in METHODS:
        own = [run for key, run in runs.items() if key.startswith(f"{name}, seed")]
        if own:
            means[name] = {
                "draws": len(own),
                "mean processor seconds, pretraining and the first head": _mean(
                    run["processor seconds"] for run in own
                ),
                "mean accuracy": {
                    str(labels): _mean(run["accuracy"][str(labels)] for run in own)
                    for labels in LABELS
                },
            }
    return {"threads": torch.get_num_threads(), "methods": means, "runs": runs}


def _mean(values: Iterable[float]) -> float:
    return round(statistics.mean(values), 4)


def _kept() -> dict[str, Any]:
    path = RESULTS / "pretraining.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else {}
    same = kept.get("threads") == torch.get_num_threads()
    return dict(kept["runs"]) if same else {}


def _recipe(train: str, test: str, backbone: str, seed: int) -> dict[str, Any]:
    return {
        "name": "few",
        "task": "text-classification",
        "backbone": backbone,
        "data": {"train": train, "test": test, "text": "text", "label": "label"},
        "collect": {"fractions": {"validation": 0.25, "exam": 0.0, "test": 0.2}},
        "finetune": {"tuner": "none", "head": "ridge", "metric": "accuracy"},
        "explain": {"samples": 0},
        "trackers": [],
        "seed": seed,
    }


if __name__ == "__main__":
    measure()
