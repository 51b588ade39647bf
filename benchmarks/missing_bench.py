"""One data set under one frozen backbone and one head, as `benchmarks.missing` measures it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text, load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.tasks.base import TASKS, Schema, Task
from journeyman.tasks.text_classification import LabelTarget
from journeyman.training.augmentations.base import AugmentOptions
from journeyman.training.augmentations.word_dropout import WordDropout
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.folds import crossed
from journeyman.training.options import FinetuneOptions
from journeyman.training.self_training import Course
from journeyman.training.trainer import Trained, finetune, refit

SHARE = 0.3
HEAD = {"name": "ridge", "kernel": True, "features": 1024, "exact_rows": 1024}
LAYERS = {
    "banking77": [5, 6],
    "snippets": [3, 4, 5, 6],
    "creak": [4, 5, 6],
    "cifar10n": [12, 13, 14, 15, 16, 17],
}
"""As recipes choose them on training rows; fixed, so that methods differ in nothing else."""
PICTURES = ("cifar10n",)
BACKBONES = {"text": ("minilm-l6", {"max_tokens": 64}),
             "image": ("efficientnet-lite0", {"image_size": 128, "resize": "exact"})}  # fmt: skip
VIEWS: dict[str, AugmentOptions] = {
    "text": AugmentOptions(kinds=("word-dropout",), copies=2, strength=SHARE),
    "image": AugmentOptions(kinds=("crop", "flip"), copies=2),
}
"""By modality; the changed views that consistency is asked of."""


def modality(name: str) -> Literal["text", "image"]:
    """Of a data set."""
    return "image" if name in PICTURES else "text"


def backbone_for(name: str) -> Backbone:
    """The one whose layers are read for a data set."""
    said, options = BACKBONES[modality(name)]
    found = resolve(said)
    spec = {"name": found.name, "licence": "", "source": "", "sha256": found.sha256}
    return load_backbone(Path(found.folder), spec, options)


@dataclass(frozen=True)
class Rows:
    """Texts and their labels."""

    texts: Sequence[Text]
    labels: Sequence[str]

    def select(self, which: Sequence[int] | NDArray[np.int64]) -> Rows:
        """The rows at these positions."""
        return Rows([self.texts[i] for i in which], [self.labels[i] for i in which])

    def __len__(self) -> int:
        return len(self.texts)


@dataclass
class Bench:
    """One data set under one head: everything is trained and asked through it."""

    name: str
    backbone: Backbone
    cache: FeatureCache
    metric: str = "accuracy"
    folds: int = 4
    """Where a course's validation rows are its training rows."""

    def __post_init__(self) -> None:
        self.task: Task = TASKS[f"{modality(self.name)}-classification"]()

    def options(self) -> FinetuneOptions:
        """Frozen layers, a kernel on fixed layers; validation rows are taken in later."""
        head = {**HEAD, "layers": LAYERS[self.name]}
        said = {"tuner": "none", "head": head, "metric": self.metric, "refit": False}
        return FinetuneOptions.model_validate(said)

    def schema(self, rows: Rows) -> Schema:
        """Of the training labels."""
        return self.task.schema([LabelTarget(label) for label in rows.labels])

    def examples(self, rows: Rows, schema: Schema) -> Examples:
        """Prepared and encoded."""
        inputs = self.backbone.prepare(rows.texts)
        targets = [LabelTarget(label) for label in rows.labels]
        encoded = self.task.encode(targets, schema, inputs, rows.texts)
        return Examples(rows.texts, inputs, targets, encoded)

    def course(self, train: Rows, validation: Rows, seed: int) -> Course:
        """What training goes on from."""
        schema = self.schema(train)
        parts = self.examples(train, schema), self.examples(validation, schema)
        folds = self.folds if validation is train else 0
        return Course(
            self.task, self.backbone, schema, *parts, self.options(), seed, self.cache, folds
        )

    def begun(self, course: Course) -> Trained:
        """The model of the labelled rows alone, validation rows not taken in."""
        if course.folds:
            return crossed(
                self.task, self.backbone, course.schema, course.train, len(course.validation),
                course.options, folds=course.folds, seed=course.seed, cache=self.cache,
            )  # fmt: skip
        return finetune(
            self.task, self.backbone, course.schema, course.train, course.validation,
            course.options, seed=course.seed, cache=self.cache,
        )  # fmt: skip

    def taken_in(self, course: Course, trained: Trained) -> Trained:
        """With the validation rows learned too, as a recipe has it; with folds they are already."""
        if course.folds:
            return trained
        refit(trained, course.schema, course.validation, self.cache)
        return trained

    def right(self, trained: Trained, schema: Schema, rows: Rows) -> NDArray[np.float64]:
        """1 for each row that is answered right."""
        return self.hits(self.outputs(trained, schema, rows), schema, rows)

    def outputs(self, trained: Trained, schema: Schema, rows: Rows) -> NDArray[np.float32]:
        """[N, C] of the rows."""
        asked = self.examples(rows, schema)
        source = feature_source(trained.learner, asked, self.cache)
        return np.stack(trained.learner.outputs(asked, source))

    def hits(self, outputs: NDArray[np.float32], schema: Schema, rows: Rows) -> NDArray[np.float64]:
        """1 for each row whose largest output is its label's."""
        said = [schema.labels[at] for at in outputs.argmax(1)]
        return np.array([one == other for one, other in zip(said, rows.labels, strict=True)], float)


def lacking(rows: Rows, turn: int, share: float = SHARE) -> Rows:
    """The rows with about `share` of their words missing: a text always loses the same ones."""

    def shortened(text: str) -> str:
        digest = blake2b(f"{turn} {text}".encode(), digest_size=8).digest()
        random = np.random.default_rng(int.from_bytes(digest, "big"))
        return WordDropout().change(text, share, random)

    return Rows([shortened(str(text)) for text in rows.texts], rows.labels)


def difference(new: NDArray[np.float64], old: NDArray[np.float64]) -> dict[str, float]:
    """The mean of paired differences, with its interval at level 0.95."""
    gaps = np.asarray(new) - np.asarray(old)
    count = len(gaps)
    half = float(student.ppf(0.975, count - 1) * gaps.std(ddof=1) / np.sqrt(count))
    mean = float(gaps.mean())
    return {"value": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}
