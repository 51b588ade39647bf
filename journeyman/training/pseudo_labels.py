"""Pseudo-labels: which answers to rows without labels are sure enough to be learned from.

A model's own answer serves as a label where the model is confident (Lee 2013, "Pseudo-label: the
simple and efficient semi-supervised learning method for deep neural networks"). How confident is
not guessed: the threshold comes from held-out answers, whose labels are known. Shapes: N held-out
rows, U unlabelled rows, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from torch import Tensor

from journeyman.backbones.base import Backbone
from journeyman.evaluation.calibration import probabilities
from journeyman.tasks.base import Array, Schema, Task
from journeyman.training.augmentations.base import AugmentOptions, changed_copies
from journeyman.training.augmentations.missing import joined
from journeyman.training.batches import Indices
from journeyman.training.examples import Examples, content_ids
from journeyman.types import Modality

LEAST = 10
"""Held-out answers that must lie at or above a threshold, whatever the precision."""
DRIFT = 4.0
"""How many times as much as the label that grows least any other may grow."""
CHUNK = 65_536
"""Answers that are turned into probabilities at once."""


class SelfTrainingOptions(BaseModel):
    """What a recipe may say of self-training (recipe field `finetune.self_training`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: float = Field(
        0.9,
        gt=0,
        lt=1,
        description="How often held-out answers as confident as those that are taken are right.",
    )
    rounds: int = Field(2, ge=1, le=20, description="Times the unlabelled rows are answered.")
    limit: int | None = Field(
        None,
        ge=1,
        description="Use a seeded sample of at most this many unlabelled rows; all when absent.",
    )
    consistency: AugmentOptions | None = Field(
        None,
        description="Changed views of each row that is taken, learned with the answer to the row "
        "itself, so that both are answered alike. None when absent.",
        examples=[{"kinds": ["crop", "flip"], "copies": 2}],
    )


def _spelled(said: Any) -> Any:
    """True is the defaults."""
    return {} if said is True else said


SelfTrainingChoice = Annotated[
    SelfTrainingOptions | Literal[False] | None,
    BeforeValidator(_spelled, json_schema_input_type=bool | SelfTrainingOptions | None),
]


@dataclass(frozen=True)
class Confident:
    """Each row's best label (its number) and the calibrated probability of it."""

    labels: NDArray[np.int64]
    scores: NDArray[np.float64]

    @classmethod
    def of(cls, outputs: Sequence[Array], temperature: float) -> Confident:
        """From outputs [N, C] of a model, by the temperature of its calibration."""
        labels = np.zeros(len(outputs), dtype=np.int64)
        scores = np.zeros(len(outputs))
        for first in range(0, len(outputs), CHUNK):
            part = slice(first, first + CHUNK)
            chances = probabilities(np.stack(outputs[part]), temperature)
            labels[part], scores[part] = chances.argmax(1), chances.max(1)
        return cls(labels, scores)


@dataclass(frozen=True)
class Threshold:
    """The confidence from which answers are taken, and the held-out answers that speak for it:
    how many lie there, and how many of them are right."""

    score: float
    rows: int
    right: int


def threshold_of(
    scores: NDArray[np.float64], right: NDArray[np.bool_], precision: float
) -> Threshold | None:
    """The lowest confidence at and above which held-out answers [N] are right often enough.

    Of n answers k of which are right, (k + 1) / (n + 2) must reach `precision`: the chance that
    the next is right where nothing was known before (Laplace's rule of succession). So few answers
    never vouch for much, all right or not: 0.9 takes 8 of 8, 0.95 takes 18 of 18; and `LEAST`
    answers at any rate. None where no confidence has that much behind it.
    """
    order = np.argsort(-scores, kind="stable")
    confidence, met = scores[order], np.cumsum(right[order])
    rows = np.arange(1, len(order) + 1)
    last_of_equals = np.r_[confidence[1:] != confidence[:-1], np.ones(min(len(order), 1), bool)]
    reached = np.flatnonzero(
        last_of_equals & (rows >= LEAST) & ((met + 1) / (rows + 2) >= precision)
    )
    if not len(reached):
        return None
    at = int(reached[-1])
    return Threshold(float(confidence[at]), int(rows[at]), int(met[at]))


def taken(answers: Confident, threshold: float, counts: NDArray[np.float64]) -> Indices:
    """The unlabelled rows to learn from, of labels that have `counts` [C] labelled rows each.

    Rows at or above the threshold, the most confident of a label first. A label's growth is its
    rows with pseudo-labels over those without; no label grows more than `DRIFT` times as much as
    the one that grows least. So the odds between any two labels, of which labelled rows tell the
    truth, move by no more than that factor, however many confident answers a common or an easy
    label has.
    """
    sure = np.flatnonzero(answers.scores >= threshold)
    found = np.bincount(answers.labels[sure], minlength=len(counts)).astype(np.float64)
    known = counts > 0
    if not len(sure) or not known.any():
        return sure[:0]
    growth = float((1.0 + found[known] / counts[known]).min())
    room = np.floor(counts * np.maximum(DRIFT * growth - 1.0, 0.0) + 1e-9)
    order = sure[np.argsort(-answers.scores[sure], kind="stable")]
    kept = [order[answers.labels[order] == label][: int(room[label])] for label in range(len(room))]
    rows: Indices = np.sort(np.concatenate(kept)).astype(np.int64)
    return rows


def label_counts(examples: Examples) -> NDArray[np.float64]:
    """[C] rows of each label; a row of several weighted labels counts for each by its weight."""
    if examples.encoded is None or not isinstance(examples.encoded.rows, Tensor):
        raise ValueError("counting labels needs one row of targets for each text")
    counts: NDArray[np.float64] = examples.encoded.rows.double().sum(0).numpy()
    return counts


def with_pseudo_labels(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    learned: Examples,
    unlabelled: Examples,
    labels: NDArray[np.int64],
) -> Examples:
    """Rows to learn from, and after them `unlabelled` rows with these labels (their numbers).

    The latter have no values in columns of slices.
    """
    if not len(unlabelled):
        return learned
    texts, names = unlabelled.texts, [schema.labels[at] for at in labels.tolist()]
    targets = [replace(learned.targets[0], label=name, weights=None) for name in names]
    encoded = task.encode(targets, schema, unlabelled.inputs, texts)
    slices = {name: [""] * len(texts) for name in learned.slices}
    ids = (unlabelled.ids or content_ids(texts)) if learned.ids else ()
    taken_in = Examples(texts, unlabelled.inputs, targets, encoded, slices, ids)
    return joined(backbone, [learned, taken_in])


def with_views(
    backbone: Backbone, rows: Examples, views: AugmentOptions | None, modality: Modality, seed: int
) -> tuple[Examples, Indices]:
    """Rows without labels and after them changed views of them, and which row each is or is of.

    Views learn what is answered to the row itself: consistency between the two (Sohn et al. 2020,
    "FixMatch: simplifying semi-supervised learning with consistency and confidence"). They are
    drawn here once, so frozen layers see each but once, whoever learns it. Views that are the same
    as their row say nothing new and are left out.
    """
    every = np.arange(len(rows))
    if views is None:
        return rows, every
    random = np.random.default_rng([seed, len(rows)])
    copies = changed_copies(rows.texts, views, modality, random)
    fresh = [at for at, text in enumerate(copies) if text != rows.texts[at % len(rows)]]
    of = np.concatenate([every, np.array(fresh, dtype=np.int64) % max(len(rows), 1)])
    texts = [*rows.texts, *(copies[at] for at in fresh)]
    sources, ids = rows.inputs.sources, content_ids(rows.texts)
    inputs = backbone.prepare(texts).made_from(None if sources is None else sources[of])
    return Examples(texts, inputs, [None] * len(of), ids=[ids[at] for at in of]), of
