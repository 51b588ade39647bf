"""A recipe of a stream: texts of one place first, then those of another, then a new class."""

import json
import random

from tiny import tiny_folder

PLACES = {"paris": "lovely fine", "london": "terrible poor"}
PLAIN = "the a dog mat sat film plot actor story is was on in about text".split()


def texts(place, count, seed=0):
    """Rows of a place: words of the label among plain ones; no two are alike."""
    draw = random.Random(f"{place} {seed}")
    good, bad = PLACES.get(place, "good bad").split()
    rows = []
    for at in range(count):
        label = ("good", "bad")[at % 2]
        words = [*draw.sample(PLAIN, 5), good if label == "good" else bad, place]
        draw.shuffle(words)
        rows.append({"text": " ".join(words), "label": label, "place": place})
    return rows


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def ground(folder):
    """A tiny backbone, and a file of two places."""
    tiny_folder(folder / "tiny")
    write(folder / "rows.jsonl", [*texts("paris", 80), *texts("london", 80)])
    write(folder / "anna.jsonl", texts("anna", 40))
    return folder


def recipe(folder, **more):
    """Trained on paris; what `adapt` says is the caller's."""
    return {
        "name": "stream",
        "task": "text-classification",
        "backbone": str(folder / "tiny"),
        "data": {
            "train": str(folder / "rows.jsonl"), "text": "text", "label": "label",
            "where": {"place": "paris"},
        },
        "collect": {"near_duplicates": "off"},
        "finetune": {"tuner": "none", "head": {"name": "ridge", "kernel": False}},
        "explain": {"samples": 2},
        "output": str(folder / "run"),
        "trackers": [],
        **more,
    }  # fmt: skip
