"""Rows of one class are drawn together and others apart; a head is solved on what comes of it.

Shapes: B rows, D width, C classes. Every pair within a batch counts at the price of its rows
(Khosla et al. 2020, "Supervised contrastive learning"), where pairs drawn one by one cost the
square of the rows (Tunstall et al. 2022, "Efficient few-shot learning without prompts", SetFit).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from journeyman.backbones.base import Features
from journeyman.tasks.base import Array, Encoded, Task
from journeyman.training.batches import Indices
from journeyman.training.examples import Examples, FeatureSource, in_batches
from journeyman.training.learner import PREDICT_ROWS, Learner
from journeyman.training.objectives.base import OBJECTIVES, Objective, ObjectiveOptions

SHARPNESS = 20.0


class ContrastOptions(ObjectiveOptions):
    """What a recipe may say of the contrastive objective."""

    temperature: float = Field(
        0.05, gt=0, description="Cosines are divided by it: the smaller, the more near rows count."
    )
    together: int = Field(
        2, ge=2, description="Rows of a class that are drawn together into a batch."
    )


@OBJECTIVES.register("contrast")
class Contrast(Objective):
    """Supervised contrast of pooled vectors, over batches in which all classes stand alike."""

    name = "contrast"
    trains_head = False
    splits = False
    Options = ContrastOptions
    options: ContrastOptions

    def permits(self, task: Task) -> str | None:
        """One label a row."""
        return None if task.kind == "label" else "it needs one label for each row"

    def batches(
        self, source: FeatureSource, encoded: Encoded, size: int, *, seed: int, epoch: int
    ) -> list[Indices]:
        """As many rows as there are, classes dealt in turn, `together` rows of each at a time.

        A class of fewer rows repeats them: the two differ by dropout, and are alike all the same.
        """
        random = np.random.default_rng([seed, epoch])
        labels = _labels(encoded)
        together = self.options.together
        decks = {label: _dealt(np.flatnonzero(labels == label), random) for label in set(labels)}
        groups = max(-(-len(labels) // together), 2)
        turns: list[int] = []
        while len(turns) < groups:
            turns.extend(random.permutation(sorted(decks)).tolist())
        dealt = [[next(decks[label]) for _ in range(together)] for label in turns[:groups]]
        parts = np.array_split(np.array(dealt, dtype=np.int64), self.steps(len(labels), size))
        return [part.reshape(-1) for part in parts]

    def forward(self, learner: Learner, features: Features) -> Tensor:
        """Pooled vectors [B, D] of the last layer."""
        return learner.backbone.tuned(features, learner.cut).pooled[learner.backbone.spec.depth]

    def loss(self, task: Task, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Mean over rows of how much less likely than certain each row of its class is to it."""
        vectors = normalize(outputs, dim=1)
        alone = torch.eye(len(vectors), dtype=torch.bool)
        nearness = (vectors @ vectors.T / self.options.temperature).masked_fill(alone, -1e4)
        chances = nearness.log_softmax(1)
        alike = (targets @ targets.T).masked_fill(alone, 0.0)
        return -((chances * alike).sum(1) / alike.sum(1).clamp(min=1e-6)).mean()

    @torch.no_grad()
    def outputs(
        self,
        learner: Learner,
        train: tuple[Examples, FeatureSource],
        asked: tuple[Examples, FeatureSource],
    ) -> Sequence[Array]:
        """Cosines of each row with the means of the classes."""
        if not len(asked[0]) or train[0].encoded is None:
            return []
        targets = train[0].encoded.rows
        means = normalize(torch.as_tensor(targets).T @ self._vectors(learner, train[1]), dim=1)
        outputs: Any = (self._vectors(learner, asked[1]) @ means.T * SHARPNESS).numpy()
        return list(outputs)

    def _vectors(self, learner: Learner, source: FeatureSource) -> Tensor:
        """Unit vectors [N, D] of all rows of a source."""
        learner.train(False)
        rows = torch.zeros(len(source.lengths), learner.backbone.spec.width)
        for indices, features in in_batches(source, PREDICT_ROWS):
            rows[torch.from_numpy(indices)] = normalize(self.forward(learner, features), dim=1)
        return rows


def _labels(encoded: Encoded) -> NDArray[np.int64]:
    if not isinstance(encoded.rows, Tensor):
        raise TypeError("contrast needs one row of targets for each text")
    labels: NDArray[np.int64] = encoded.rows.argmax(1).numpy()
    return labels


def _dealt(rows: Indices, random: np.random.Generator) -> Iterator[int]:
    """Rows without end: all of them in some order, then all again in another."""
    while True:
        yield from random.permutation(rows).tolist()
