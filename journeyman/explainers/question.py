"""One thing to be explained: a row, the score that is asked about, and how to score variants.

Shapes: B variants of one row, U its units: the words of a text, the cells of a picture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.explainers.target import Target
from journeyman.training.learner import Learner
from journeyman.types import Explanation


@dataclass(frozen=True)
class Ends:
    """The two ends of a straight way to the row, the blank one first: points [2, ...], scores [2].

    A point is what the network starts from: embeddings of a text, pixels of a picture.
    """

    points: Tensor
    scores: NDArray[np.float64]

    @property
    def difference(self) -> float:
        """What all units together add."""
        return float(self.scores[1] - self.scores[0])


class Question(ABC):
    """Why `learner` gives a row the score of `target`."""

    id: str
    learner: Learner
    target: Target

    @property
    @abstractmethod
    def units(self) -> int:
        """U: how many words or cells are weighed."""

    @property
    @abstractmethod
    def rows_at_once(self) -> int:
        """How many variants of the row are answered in one pass."""

    @property
    @abstractmethod
    def whole(self) -> Inputs:
        """The row as it is."""

    @abstractmethod
    def hidden(self, sets: Sequence[Sequence[int]]) -> Inputs:
        """A variant for each of `sets`, with these units blank."""

    @abstractmethod
    def without(self, units: Sequence[int]) -> Inputs:
        """The row without these units, as one that never had them."""

    @abstractmethod
    def ends(self) -> Ends:
        """The row with every unit blank, and as it is."""

    @abstractmethod
    def score_at(self, points: Tensor) -> Tensor:
        """[B] scores of points between the ends, with a graph where gradients are enabled."""

    @abstractmethod
    def gathered(self, attributions: Tensor) -> NDArray[np.float64]:
        """[U]: what each unit has of attributions of a point's numbers."""

    @abstractmethod
    def told(self, weights: NDArray[np.float64], method: str, gap: float) -> Explanation:
        """Weights [U] as an explanation."""

    @abstractmethod
    def shown(self, explanation: Explanation) -> dict[str, Any]:
        """The fields of a report's `Example` that show the row and its weights."""

    def score(self, inputs: Inputs) -> Tensor:
        """[B] scores by the path that answers, with a graph where gradients are enabled.

        Features are not rounded to half precision, as answers' are: that step has no gradient. For
        the same reason they are always those with a graph, in float32: weights sum to the
        difference of scores of one and the same function.
        """
        learner = self.learner
        features = learner.backbone.frozen(inputs, learner.cut, grad=True)
        return self.target.score(learner(features))

    @torch.no_grad()
    def scores(self, variants: Sequence[Inputs]) -> NDArray[np.float64]:
        """[B] scores of all rows of `variants`."""
        found = [self.score(variant) for variant in variants]
        scores: NDArray[np.float64] = torch.cat(found).double().numpy() if found else np.zeros(0)
        return scores
