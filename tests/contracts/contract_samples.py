"""Rows with a planted signal for any task, and learners on them: what the contracts are held to."""

import atexit
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny_folder, tiny_vision_folder

from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.data.options import DataOptions
from journeyman.heads.base import HEADS
from journeyman.tasks.base import TASKS
from journeyman.training.assembly import make_learner, options_of
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import make_examples
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune
from journeyman.tuners.base import TUNERS

PLAIN = "the a dog mat sat film plot actor story is was on in".split()
MOODS = {"bad": "bad awful", "good": "good fine", "plain": "much text"}
VALUES = {"bad": -4.0, "good": 4.0, "plain": 0.0}
NAMES = {"LOC": "london", "PER": "anna"}
SOURCES = {
    "label": {"text": "text", "image": "image", "label": "label"},
    "labels": {"text": "text", "image": "image", "label": "labels"},
    "value": {"text": "text", "label": "value"},
    "tags": {"tokens": "tokens", "tags": "tags"},
    "boxes": {"image": "image", "boxes": "boxes"},
    "identity": {"image": "image", "label": "label"},
}
"""Which column serves which field of `data`, by what a task's targets are to a baseline."""

TEXTS = ["the cat sat", "a much longer text about the cat and the mat and the dog", "dog", "the"]


def made_rows(count, seed=0):
    """Sentences of plain words around words that say label, labels, value and tags."""
    draw = random.Random(seed)
    rows = []
    for at in range(count):
        label = sorted(MOODS)[at % len(MOODS)]
        words = draw.sample(PLAIN, draw.randint(2, 4)) + MOODS[label].split()
        kind = draw.choice(sorted(NAMES))
        words.append(NAMES[kind])
        draw.shuffle(words)
        tags = [f"B-{kind}" if word == NAMES[kind] else "O" for word in words]
        labels = [label] if label != "plain" else ["bad", "good"] if draw.random() < 0.5 else []
        text = " ".join(words)
        if label == "plain":
            text = text.replace("much", "bad").replace("text", "good") if labels else text
        rows.append(
            {
                "text": text,
                "label": label,
                "labels": labels,
                "value": VALUES[label],
                "tokens": words,
                "tags": tags,
            }
        )
    return rows


COLOURS = {"bad": (255, 0, 0), "good": (0, 0, 255), "plain": (0, 255, 0)}


@cache
def pictures_folder():
    """Where this process's pictures are."""
    folder = Path(tempfile.mkdtemp(prefix="pictures-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def vision_backbone(family="inverted-residual", **options):
    """The network for tasks of pictures, found again by its folder."""
    folder = tiny_vision_folder(pictures_folder() / family, family)
    found = resolve(str(folder))
    spec = {"name": found.name, "licence": found.licence, "source": found.source}
    spec |= {"sha256": found.sha256, "reference": str(folder)}
    return load_backbone(folder, spec, options)


def tiny_backbone(folder):
    """A tiny network for texts, found again by its folder."""
    found = resolve(str(tiny_folder(folder)))
    spec = {"name": found.name, "licence": found.licence, "source": found.source}
    spec |= {"sha256": found.sha256, "reference": str(folder)}
    return load_backbone(folder, spec, {"max_tokens": 32})


def network_for(task_name, backbone):
    """The backbone itself, or one for pictures where the task reads these; with maps for boxes."""
    if TASKS[task_name].kind == "boxes":
        return vision_backbone("vit", image_size=64, resize="letterbox")
    same = TASKS[task_name].modality == backbone.spec.modality
    return backbone if same else vision_backbone()


def with_pictures(rows, seed=0):
    """The rows with an `image` each: noise about colours that say label and labels."""
    made = []
    for at, row in enumerate(rows):
        path = pictures_folder() / f"{seed}-{at}.png"
        if not path.is_file():
            draw = np.random.default_rng([seed, at])
            pixels = draw.normal(0, 10, (36, 40, 3))
            for label in row["labels"] or [row["label"]]:
                pixels += np.array(COLOURS[label]) / max(len(row["labels"]), 1)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
        made.append({**row, "image": str(path)})
    return made


def with_boxes(rows, seed=0):
    """The rows with an `image` each, a rectangle of the label's colour in it, and its box."""
    made = []
    for at, row in enumerate(rows):
        path = pictures_folder() / f"boxed-{seed}-{at}.png"
        draw = np.random.default_rng([seed, at])
        width, height = (int(draw.integers(14, 22)) for _ in range(2))
        x, y = int(draw.integers(0, 40 - width)), int(draw.integers(0, 36 - height))
        if not path.is_file():
            pixels = 100 + draw.normal(0, 10, (36, 40, 3))
            pixels[y : y + height, x : x + width] = COLOURS[row["label"]]
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
        boxes = [{"box": [x, y, width, height], "label": row["label"]}]
        made.append({**row, "image": str(path), "boxes": boxes})
    return made


def data_options(task):
    """Columns of `made_rows` for whatever fields the task needs."""
    source = SOURCES[task.kind]
    return DataOptions(train="rows.csv", **{name: source[name] for name in task.needs})


class Sample:
    """A task with training and validation rows of `made_rows`, prepared for a backbone.

    A task of pictures has a backbone of its own in place of one for texts.
    """

    def __init__(self, task_name, backbone, train=60, validation=30, seed=0):
        self.task = TASKS[task_name]()
        self.data = data_options(self.task)
        self.rows = made_rows(train + validation, seed)
        if self.task.modality == "image":
            pictured = with_boxes if self.task.kind == "boxes" else with_pictures
            self.rows = pictured(self.rows, seed)
        backbone = network_for(task_name, backbone)
        targets = [self.task.target(row, self.data) for row in self.rows]
        self.schema = self.task.schema(targets[:train])
        self.backbone = backbone
        self.train = self.examples(self.rows[:train])
        self.validation = self.examples(self.rows[train:])

    def examples(self, rows):
        return make_examples(self.task, self.backbone, rows, self.data, self.schema)

    def learner(self, seed=0, **options):
        chosen = self.options(options)
        return make_learner(self.task, self.backbone, self.schema, chosen, seed=seed)

    def options(self, said):
        """The options, where their head can stand on the backbone; else the test is skipped."""
        chosen = FinetuneOptions.model_validate(said)
        reason = chosen.head and HEADS[chosen.head.name].permits(self.backbone)
        if reason:
            pytest.skip(reason)
        return chosen

    def finetune(self, folder, seed=0, checkpoint=None, tracker=None, reporter=None, **options):
        chosen = self.options(options)
        cache = FeatureCache(folder)
        more = {} if reporter is None else {"reporter": reporter}
        return finetune(
            self.task,
            self.backbone,
            self.schema,
            self.train,
            self.validation,
            chosen,
            seed=seed,
            cache=cache,
            checkpoint=checkpoint,
            tracker=tracker,
            **more,
        )


def trained_head(task_name, **options):
    """A head that is trained by gradient: linear with these options, but of boxes its own."""
    boxes = TASKS[task_name].kind == "boxes"
    return {"name": TASKS[task_name].default_head} if boxes else {"name": "linear", **options}


def cuts_of(tuner_name, depth, backbone):
    """The cuts a tuner is tried at: the ends, the middle and its own, where it permits them."""
    tuner = TUNERS[tuner_name](options_of(TUNERS[tuner_name]), 0)
    wanted = {0, depth // 2, depth - 1, tuner.default_cut(backbone)}
    return sorted(cut for cut in wanted if tuner.permits(backbone, cut) is None)


def attached(tuner_name, backbone, cut, seed=0):
    """A tuner with its default options, and the backbone it bends."""
    tuner = TUNERS[tuner_name](options_of(TUNERS[tuner_name]), seed)
    return tuner, tuner.attach(backbone, cut)


def whole(backbone, cut, texts=TEXTS):
    """Hidden states of the texts after all layers, zero where padded; in evaluation mode."""
    backbone.module.eval()
    with torch.no_grad():
        inputs = backbone.prepare(texts)
        features = backbone.tuned(backbone.frozen(inputs, cut), cut)
        if features.hidden is None:
            features = backbone.frozen(inputs, cut)
        return features.hidden * features.mask.unsqueeze(-1)


def steps(tuner, backbone, cut, count=2, rate=0.05, rows=TEXTS):
    """Train the tuner's parameters towards nothing in particular."""
    if not tuner.trains:
        return
    optimizer = torch.optim.AdamW(tuner.parameters().values(), lr=rate)
    backbone.module.train()
    tuner.planned_steps = count
    inputs = backbone.prepare(rows)
    for step in range(count):
        features = backbone.tuned(backbone.frozen(inputs, cut), cut)
        pooled = features.pooled[backbone.spec.depth]
        target = torch.linspace(-1, 1, pooled.numel()).reshape(pooled.shape)
        loss = (pooled - target).square().mean()
        extra = tuner.extra_loss()
        (loss if extra is None else loss + extra).backward()
        optimizer.step()
        tuner.after_step(step)
        optimizer.zero_grad()
    backbone.module.eval()
