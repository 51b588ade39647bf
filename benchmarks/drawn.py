"""Few labelled rows of banking77, drawn by a seed, and what is left of the training rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from journeyman.catalogue.datasets import resolve_dataset

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Draw:
    """The labelled rows of one seed, the training rows left over, the test rows, and the labels."""

    seed: int
    train: Rows
    others: Rows
    test: Rows
    labels: tuple[str, ...]


def draw(seed: int, shots: int = 8) -> Draw:
    """`shots` training rows of each label, drawn by `seed`; every test row."""
    parts: dict[str, Rows] = {}
    for name, path in resolve_dataset("banking77").files.items():
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        parts[name] = [json.loads(line) for line in lines]
    labels = tuple(sorted({row["label"] for row in parts["train"]}))
    random = np.random.default_rng(seed)
    chosen: Rows = []
    for label in labels:
        own = [row for row in parts["train"] if row["label"] == label]
        chosen += [own[i] for i in random.permutation(len(own))[:shots]]
    known = {row["id"] for row in chosen}
    others = [row for row in parts["train"] if row["id"] not in known]
    return Draw(seed, chosen, others, parts["test"], labels)


def write_table(path: Path, rows: Rows, columns: Sequence[str] = ("text", "label")) -> str:
    """These columns of the rows as a CSV file; its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return str(path)
