"""Small trained learners of every task, shared by the explainers' tests."""

import random

import torch

from journeyman.data.options import DataOptions
from journeyman.tasks.base import TASKS
from journeyman.training.assembly import make_learner
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import make_examples
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune

GOOD = "good fine lovely great".split()
BAD = "bad awful poor terrible".split()
PLAIN = "the a dog mat sat film plot actor story is was".split()
NAMES = {"PER": ["anna", "bob"], "LOC": ["london", "paris"]}


def rows(count, seed=0):
    """Sentences of plain words around good or bad ones."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        label = draw.choice(["bad", "good", "plain"])
        chosen = {"good": GOOD, "bad": BAD, "plain": PLAIN}[label]
        words = draw.sample(PLAIN, draw.randint(3, 6))
        words.insert(draw.randint(0, 3), draw.choice(chosen))
        value = {"good": 4.0, "bad": -4.0, "plain": 0.0}[label]
        made.append({"text": " ".join(words), "label": label, "value": value, "labels": [label]})
    return made


def tagged_rows(count, seed=0):
    """Sentences of plain words around one name."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        kind = draw.choice(sorted(NAMES))
        words = draw.sample(PLAIN, 4)
        at = draw.randint(0, 3)
        words.insert(at, draw.choice(NAMES[kind]))
        tags = ["O"] * 5
        tags[at] = f"B-{kind}"
        made.append({"tokens": words, "tags": tags})
    return made


COLUMNS = {
    "text-classification": {"text": "text", "label": "label"},
    "multi-label-classification": {"text": "text", "label": "labels"},
    "text-regression": {"text": "text", "label": "value"},
    "token-classification": {"tokens": "tokens", "tags": "tags"},
}


def parts(task_name, count=200, seed=0):
    """A task, its data options, rows and schema."""
    task = TASKS[task_name]()
    data = DataOptions(train="rows.csv", **COLUMNS[task_name])
    made = (tagged_rows if task.unit == "token" else rows)(count, seed)
    return task, data, made, task.schema([task.target(row, data) for row in made])


def untrained(backbone, task_name="text-classification", **options):
    """A learner with spread-out random head weights, and its schema."""
    task, _, _, schema = parts(task_name)
    chosen = FinetuneOptions.model_validate(options)
    learner = make_learner(task, backbone, schema, chosen, seed=0)
    learner.train(False)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in learner.head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return learner, schema


def trained(backbone, folder, task_name="text-classification", **options):
    """A learner trained on the made rows, its schema and calibration."""
    task, data, made, schema = parts(task_name)
    train = make_examples(task, backbone, made[:160], data, schema)
    validation = make_examples(task, backbone, made[160:], data, schema)
    chosen = FinetuneOptions.model_validate(options)
    cache = FeatureCache(folder)
    got = finetune(task, backbone, schema, train, validation, chosen, seed=0, cache=cache)
    return got.learner, schema, got.calibration
