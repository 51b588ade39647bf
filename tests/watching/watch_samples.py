"""A model of texts of two places, and streams to it; tiny, and all of it real."""

import json
import random

from tiny import tiny_folder

from journeyman.journey import travel
from journeyman.recipe import load_recipe

PLAIN = "the a dog mat sat film plot actor story is was on in about text".split()
ELSEWHERE = "anna bob acme and not very much longer cat ran".split()
WORDS = {"paris": ("lovely", "terrible", PLAIN), "acme": ("awful", "great", ELSEWHERE)}


def texts(place, count, seed=0):
    """Rows of a place: what is good there, and among which words."""
    draw = random.Random(f"{place} {seed}")
    good, bad, plain = WORDS[place]
    rows = []
    for at in range(count):
        label = ("good", "bad")[at % 2]
        words = [*draw.sample(plain, 5), good if label == "good" else bad, place]
        draw.shuffle(words)
        row = {"id": f"{place}/{seed}/{at}", "text": " ".join(words), "label": label}
        rows.append({**row, "place": place})
    return rows


def blind(rows):
    return [{name: value for name, value in row.items() if name != "label"} for row in rows]


def write(path, rows, mode="w"):
    with path.open(mode) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def made(folder):
    """The run of a model that learned of paris."""
    tiny_folder(folder / "tiny")
    train = write(folder / "rows.jsonl", texts("paris", 700))
    chosen = {
        "name": "watched",
        "task": "text-classification",
        "backbone": str(folder / "tiny"),
        "data": {"train": str(train), "text": "text", "label": "label", "id": "id"},
        "collect": {
            "near_duplicates": "off",
            "fractions": {"validation": 0.1, "exam": 0.3, "test": 0.1},
        },
        "finetune": {"tuner": "none", "head": {"name": "ridge", "kernel": False}},
        "explain": {"samples": 1},
        "output": str(folder / "run"),
        "trackers": [],
    }
    return travel(load_recipe(chosen)).folder
