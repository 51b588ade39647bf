"""Rows of two domains with the same moods, recipes over them, and a planted new domain."""

import random

from tiny import tiny_folder

PLAIN = "the a dog mat sat film plot actor story is was on in".split()
MOODS = {"bad": "bad awful poor terrible".split(), "good": "good fine lovely great".split()}


def write_rows(path, count=160, seed=0):
    """`text,label,domain` with the domains source and target, whose moods are of one kind."""
    draw = random.Random(seed)
    lines = ["text,label,domain"]
    for at in range(count):
        label = sorted(MOODS)[at % 2]
        words = [*draw.sample(PLAIN, draw.randint(3, 6)), *draw.sample(MOODS[label], 2)]
        draw.shuffle(words)
        lines.append(f"{' '.join(words)},{label},{'source' if at % 4 < 2 else 'target'}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def ground(folder):
    """A folder with a tiny backbone and a file of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    tiny_folder(folder / "tiny")
    write_rows(folder / "rows.csv")
    return folder


def recipe(ground, output, **more):
    """Learn the source domain by tuning the layers, with what `more` says."""
    return {
        "name": "carried",
        "task": "text-classification",
        "backbone": str(ground / "tiny"),
        "data": {
            "train": str(ground / "rows.csv"),
            "text": "text",
            "label": "label",
            "where": {"domain": "source"},
        },
        "finetune": {
            "tuner": "full", "cut": 1, "epochs": 3, "learning_rate": 3e-3, "batch_size": 8,
            "head": {"name": "ridge", "kernel": False},
        },
        "explain": {"samples": 0},
        "trackers": [],
        "threads": 1,
        "output": str(output),
        **more,
    }  # fmt: skip


def target(ground):
    """The data of the target domain."""
    data = recipe(ground, "")["data"]
    return {**data, "where": {"domain": "target"}}
