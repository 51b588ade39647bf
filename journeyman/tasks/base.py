"""The contract of a task: what is learned, whatever the backbone.

Shapes: B rows, T tokens, C outputs, N rows in all. Raw *targets* are what a row says (a label, a
number, tags); *encoded* targets are tensors; *outputs* are what a head gives for each row or, for
token tasks, for each word.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.mosaic import Mosaic
from journeyman.backbones.text_encoder import Text
from journeyman.data.options import DataOptions
from journeyman.errors import DataError
from journeyman.evaluation.classification import Confusion
from journeyman.evaluation.fscore import ClassMetrics
from journeyman.evaluation.intervals import Groups
from journeyman.evaluation.verification import Pairs
from journeyman.heads.base import HEADS, Unit
from journeyman.registry import Registry
from journeyman.types import Metric, Modality, Prediction, Row, TargetKind

IGNORED = -100
"""The encoded target of a position that is not learned from."""

LEAST = 1e-12
"""The least probability that is told from none."""

RESAMPLES = 200
"""Resamples of the bootstrap where a metric is computed anew for each."""

Array = NDArray[np.float32]
Outputs = Sequence[Array]
"""Outputs of N rows: [C] for each row, [W, C] for its W words, or [K, 6] for its K boxes."""


@dataclass(frozen=True)
class Schema:
    """What the training targets are: `labels` with their `counts`, or the `range` of numbers."""

    labels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    range: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """The schema as model.json holds it."""
        return {
            "labels": list(self.labels),
            "counts": list(self.counts),
            "range": None if self.range is None else list(self.range),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Schema:
        """Read what `to_json` wrote."""
        span = saved.get("range")
        return cls(
            tuple(saved["labels"]),
            tuple(saved["counts"]),
            None if span is None else (float(span[0]), float(span[1])),
        )


@dataclass(frozen=True)
class Encoded:
    """Targets of N rows as tensors: [N, C] float; or one a row, [T] int64 of its tokens or [n, 5]
    float of its boxes."""

    rows: Tensor | Sequence[Tensor]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Tensor:
        """[B, C]; or [B, T] or [B, n, 5], padded with IGNORED."""
        if isinstance(self.rows, Tensor):
            return self.rows[torch.as_tensor(np.asarray(indices))]
        return torch.nn.utils.rnn.pad_sequence(
            [self.rows[i] for i in indices], batch_first=True, padding_value=IGNORED
        )


@dataclass(frozen=True)
class Evaluated:
    """Every figure of a model on one set of rows.

    `coverage` is the curve of accuracy against coverage when the least certain rows are left out;
    `curves` {class: precision at levels of recall evenly from 0 to 1}; `roc` that of true against
    false accepts where rows are compared in pairs.
    """

    metrics: dict[str, Metric]
    classes: dict[str, ClassMetrics] = field(default_factory=dict)
    confusion: Confusion | None = None
    coverage: list[dict[str, float]] = field(default_factory=list)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    roc: list[dict[str, float]] = field(default_factory=list)


Calibration = Mapping[str, Any]
"""What calibration.json holds: JSON values, made by `Task.calibrate`."""


class Task(ABC):
    """What is learned. A task holds no state: everything learned is in its `Schema`."""

    name: ClassVar[str]
    kind: ClassVar[TargetKind]
    """What its targets are: to checks of the data, to splits, to baselines and to heads."""
    modality: ClassVar[Modality] = "text"
    """What it reads: texts, or the pictures of `data.image`."""
    unit: ClassVar[Unit] = "row"
    primary_metric: ClassVar[str]
    metric_names: ClassVar[tuple[str, ...]]
    default_head: ClassVar[str] = "ridge"
    default_tuner: ClassVar[str] = "none"
    needs: ClassVar[tuple[str, ...]]
    """Fields of `DataOptions` that must name a column."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Fields of `DataOptions` about targets that it reads where they are given."""
    usual: ClassVar[bool] = False
    """Whether it is meant where a recipe names no task and the data is of its kind; each class
    says so for itself."""
    weighs_classes: ClassVar[bool] = False
    """Whether `class_weights` may count: a row or a word has one class of several."""
    usual_options: ClassVar[Mapping[str, Any]] = {}
    """Options of a backbone, where a recipe says nothing of them."""
    averages: ClassVar[bool] = True
    """Whether answers of several models can be averaged."""
    composes: ClassVar[bool] = False
    """Whether it learns from mosaics: `composed` says what stands in one."""
    pipeline: ClassVar[str] = "text-classification"
    """The hub's name for what its models do."""

    @classmethod
    def heads(cls) -> tuple[str, ...]:
        """Every registered head that fits it, by name."""
        return tuple(name for name in HEADS if HEADS[name].fits(cls.kind, cls.unit, cls.modality))

    def text(self, row: Row, data: DataOptions) -> Text:
        """The input of one row: a text, a pair of texts, or the path of a picture."""
        texts = tuple(str(row[column]) for column in data.texts or ("text",))
        return texts[0] if len(texts) == 1 else (texts[0], texts[1])

    @abstractmethod
    def target(self, row: Row, data: DataOptions) -> Any:
        """The raw target of one row."""

    @abstractmethod
    def schema(self, targets: Sequence[Any]) -> Schema:
        """What the training targets are."""

    def outputs(self, schema: Schema) -> int:
        """C: how many numbers a target has, one for each label where there are labels; a head gives
        as many for each row or word, or vectors of a width of its own (`Head.output_width`)."""
        return len(schema.labels)

    @abstractmethod
    def encode(
        self, targets: Sequence[Any], schema: Schema, inputs: Inputs, texts: Sequence[Text]
    ) -> Encoded:
        """Raw targets as tensors; `inputs` and `texts` tell where words are in tokens."""

    def matrix(self, encoded: Encoded, schema: Schema) -> Tensor:
        """Encoded targets as [M, C] floats, for heads that are solved; M counts rows or words."""
        if not isinstance(encoded.rows, Tensor):
            raise TypeError(f"{self.name} must say how its targets become a matrix")
        return encoded.rows

    def raw(self, encoded: Tensor, schema: Schema) -> Any:
        """The raw target of one encoded row [C], as near as it tells."""
        raise TypeError(f"{self.name} does not tell raw targets from encoded ones")

    @abstractmethod
    def loss(self, outputs: Tensor, encoded: Tensor, weights: Tensor | None) -> Tensor:
        """The mean loss of a batch; `weights` [C] are class weights."""

    def split_outputs(self, outputs: Tensor, inputs: Inputs, texts: Sequence[Text]) -> list[Array]:
        """A batch of outputs as one array a row, words picked out of tokens."""
        return list(outputs.detach().cpu().numpy())

    @abstractmethod
    def score(self, outputs: Outputs, targets: Sequence[Any], schema: Schema, metric: str) -> float:
        """The metric that decisions are made by, without intervals; higher is better.

        0 when there are no rows.
        """

    def change(
        self,
        targets: Sequence[Any],
        before: tuple[Outputs, Schema],
        after: tuple[Outputs, Schema],
    ) -> Metric:
        """The primary metric of two models' outputs to the same rows: after less before.

        The interval is that of a paired bootstrap; none of fewer than two rows.
        """
        metric, count = self.primary_metric, len(targets)

        def changed(which: Sequence[int]) -> float:
            drawn = [targets[at] for at in which]
            later, sooner = (
                self.score([outputs[at] for at in which], drawn, schema, metric)
                for outputs, schema in (after, before)
            )
            return later - sooner

        value = changed(range(count))
        if count < 2:
            return Metric(value, None, None, count)
        random = np.random.default_rng(0)
        drawn = [changed(random.integers(count, size=count).tolist()) for _ in range(RESAMPLES)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        return Metric(value, float(low), float(high), count)

    def calibrate(
        self,
        outputs: Outputs,
        targets: Sequence[Any],
        schema: Schema,
        target_accuracy: float | None,
    ) -> dict[str, Any]:
        """What turns outputs into probabilities, from validation rows."""
        return {}

    def calibrate_pairs(self, pairs: Pairs) -> dict[str, Any]:
        """What pairs of training rows add to the calibration, each left out by a solved head."""
        return {}

    def opinions(
        self, outputs: Outputs, schema: Schema, calibration: Calibration
    ) -> list[NDArray[np.float64]]:
        """What answers of several models are averaged in: each row's or word's probabilities."""
        temperature = float(calibration.get("temperature", 1.0))
        return [softmax(row.astype(np.float64) / temperature, axis=-1) for row in outputs]

    def of_opinions(
        self, opinions: Sequence[NDArray[np.float64]], schema: Schema
    ) -> list[NDArray[np.float64]]:
        """Outputs whose answers, not calibrated, say just that."""
        return [np.log(np.maximum(row, LEAST)) for row in opinions]

    @abstractmethod
    def decode(
        self,
        outputs: Outputs,
        schema: Schema,
        calibration: Calibration,
        ids: Sequence[str],
        texts: Sequence[Text],
    ) -> list[Prediction]:
        """Outputs as answers."""

    def told(self, prediction: Prediction) -> Prediction:
        """What of an answer is told to who asks: all of it, unless a task knows better."""
        return prediction

    @abstractmethod
    def evaluate(
        self,
        predictions: Sequence[Prediction],
        targets: Sequence[Any],
        schema: Schema,
        *,
        texts: Sequence[Text],
        groups: Groups | None = None,
    ) -> Evaluated:
        """Every figure of these answers against the raw targets."""

    def composed(self, mosaic: Mosaic, targets: Sequence[Any]) -> Any:
        """The raw target of a mosaic, from those of its parts."""
        raise TypeError(f"{self.name} does not say what stands in a mosaic")

    def explained(self, prediction: Prediction, schema: Schema) -> tuple[int, str] | None:
        """Which output an explanation of this answer is about, and its name."""
        return None

    def plain(self, texts: Sequence[Text], targets: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Inputs and targets as a baseline takes them."""
        return [text if isinstance(text, str) else "\n".join(text) for text in texts], list(targets)

    @abstractmethod
    def compare(
        self, targets: Sequence[Any], guesses: Sequence[Any], *, groups: Groups | None = None
    ) -> dict[str, Metric]:
        """The metrics of plain guesses (a baseline's) against plain targets."""

    def class_weights(self, schema: Schema) -> Tensor | None:
        """[C] weights that make classes count alike, with mean 1 over training rows."""
        if not schema.counts:
            return None
        counts = torch.tensor(schema.counts, dtype=torch.float32)
        return counts.sum() / (max(int((counts > 0).sum()), 1) * counts.clamp(min=1))


_TARGETS: Mapping[TargetKind, str] = {
    "label": "one label a row",
    "labels": "several labels a row",
    "value": "a number a row",
    "tags": "a tag for each token",
    "boxes": "boxes in a picture",
    "identity": "whom or what a row shows",
}

TASKS: Registry[type[Task]] = Registry("task", "journeyman.tasks")


def usual_task(kind: TargetKind, modality: Modality = "text") -> type[Task]:
    """The task that is meant where only the kind of target is known, and what rows are.

    Raises DataError where there is none.
    """
    for task in map(TASKS.__getitem__, TASKS):
        if task.kind == kind and task.modality == modality and vars(task).get("usual"):
            return task
    noun = {"text": "texts", "image": "pictures"}[modality]
    raise DataError(
        f"No task learns such a target from {noun}.",
        place="recipe field task",
        expected=" | ".join(n for n in TASKS if TASKS[n].modality == modality) or f"no {noun}",
        found=_TARGETS[kind],
        remedy="check data.label, or name the task",
    )


def model_of(task: str) -> str:
    """What a model of a task of this name is called at the start of a sentence."""
    return f"{'An' if task[0] in 'aeiou' else 'A'} {task} model"
