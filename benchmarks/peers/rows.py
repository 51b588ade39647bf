"""The rows of the contest: one split for everyone, made by the product's own collecting."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from journeyman.catalogue.datasets import resolve_dataset
from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions, Fractions


@dataclass(frozen=True)
class Part:
    """Texts and the positions of their labels among the classes."""

    texts: list[str]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.texts)

    def __add__(self, other: Part) -> Part:
        return Part(self.texts + other.texts, self.labels + other.labels)

    def take(self, which: list[int]) -> Part:
        """The rows at these positions."""
        return Part([self.texts[i] for i in which], [self.labels[i] for i in which])


@dataclass(frozen=True)
class Rows:
    """Training, validation and test rows, and the names of the classes."""

    classes: list[str]
    train: Part
    validation: Part
    test: Part

    def digest(self) -> str:
        """What tells these rows from others."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]

    def sizes(self) -> dict[str, int]:
        """How many rows each part has."""
        return {name: len(getattr(self, name)) for name in ("train", "validation", "test")}

    def limited(self, rows: int) -> Rows:
        """At most so many training rows, all classes among them, and a quarter as many to choose
        by and to test on."""
        return replace(
            self,
            train=_even(self.train, rows),
            validation=_sample(self.validation, rows // 4),
            test=_sample(self.test, rows // 4),
        )


def collected(dataset: str, *, validation: float, seed: int, limit: int | None = None) -> Rows:
    """The dataset's rows: its own test rows where it has them, else a fifth."""
    found = resolve_dataset(dataset)
    hard = {name: value for name, value in found.columns.items() if name != "soft_label"}
    data = DataOptions(**{**hard, "dataset": dataset, "limit": limit})
    shares = CollectOptions(fractions=Fractions(validation=validation, exam=0.0, test=0.2))
    with tempfile.TemporaryDirectory() as folder:
        split = collect(
            data,
            shares,
            folder=Path(folder),
            seed=seed,
            files=found.files,
            kind="label",
        )
        pairs = {
            name: (table.column(str(data.text)), table.column(str(data.label)))
            for name, table in split.tables.items()
        }
    classes = sorted({str(label) for label in pairs["train"][1]})
    at = {label: i for i, label in enumerate(classes)}
    parts = {
        name: Part([str(text) for text in texts], [at[str(label)] for label in labels])
        for name, (texts, labels) in pairs.items()
    }
    return Rows(classes, parts["train"], parts["validation"], parts["test"])


def write_rows(rows: Rows, path: Path) -> None:
    """Keep rows for the processes of the pieces."""
    path.write_text(json.dumps(asdict(rows)), encoding="utf-8")


def read_rows(path: Path) -> Rows:
    """What `write_rows` kept."""
    content = json.loads(path.read_text(encoding="utf-8"))
    parts = {name: Part(**content[name]) for name in ("train", "validation", "test")}
    return Rows(content["classes"], **parts)


def _even(part: Part, most: int) -> Part:
    """Rows of all classes in turn."""
    seen: Counter[int] = Counter()
    turns = []
    for at in np.random.default_rng(0).permutation(len(part)).tolist():
        label = part.labels[at]
        turns.append((seen[label], at))
        seen[label] += 1
    return part.take(sorted(at for _, at in sorted(turns)[:most]))


def _sample(part: Part, most: int) -> Part:
    order = np.random.default_rng(0).permutation(len(part))[:most]
    return part.take(sorted(order.tolist()))
