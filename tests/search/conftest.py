"""A tiny backbone and rows that searches of this folder share; the contracts' samples serve too."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))

from contract_samples import made_rows
from tiny import tiny_folder


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """A folder with a tiny backbone and a file of rows, some of them labelled wrongly."""
    folder = tmp_path_factory.mktemp("ground")
    tiny_folder(folder / "tiny")
    rows = made_rows(120)
    labels = [row["label"] for row in rows]
    for at in range(0, len(rows), 5):
        labels[at] = labels[(at + 1) % len(rows)]
    pairs = zip(rows, labels, strict=True)
    lines = [f"{row['text']},{label}" for row, label in pairs]
    (folder / "rows.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    return folder


@pytest.fixture(scope="session")
def written(ground):
    """Makes the mapping of a recipe on that ground."""

    def make(output, search, **more):
        return {
            "name": "tiny-search",
            "task": "text-classification",
            "backbone": str(ground / "tiny"),
            "data": {"train": str(ground / "rows.csv"), "text": "text", "label": "label"},
            "collect": {"fractions": {"validation": 0.3, "exam": 0.05, "test": 0.2}},
            "finetune": {
                "epochs": 2,
                "head": {"name": "ridge", "features": 32, "kernel": True, "exact_rows": 0},
            },
            "explain": {"samples": 0},
            "trackers": [],
            "threads": 1,
            "output": str(output),
            "search": search,
            **more,
        }

    return make
