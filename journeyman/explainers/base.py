"""The contract of an explainer: from a question to a weight for each word, or cell of a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.modes import evaluating
from journeyman.backbones.text_encoder import Text
from journeyman.explainers.asking import ask
from journeyman.explainers.options import ExplainOptions
from journeyman.explainers.question import Question
from journeyman.explainers.target import Asked
from journeyman.registry import Registry
from journeyman.tasks.base import Schema
from journeyman.training.learner import Learner
from journeyman.types import Explanation


@dataclass(frozen=True)
class Weights:
    """A signed weight for each word or cell the model reads, [U], and the convergence gap."""

    units: NDArray[np.float64]
    gap: float


class Explainer(ABC):
    """Tells why a learner answers as it does, in weights of words or of cells.

    The learner is left as it was: nothing is trained, no gradient is accumulated.
    """

    name: ClassVar[str]

    def __init__(self, options: ExplainOptions | None = None) -> None:
        self.options = options or ExplainOptions()

    @abstractmethod
    def weigh(self, question: Question) -> Weights:
        """How much each word or cell moved the score; the learner is in evaluation mode."""

    def explain(
        self,
        learner: Learner,
        schema: Schema,
        texts: Sequence[Text],
        ids: Sequence[str],
        calibration: Mapping[str, Any],
        targets: Sequence[Asked] | None = None,
    ) -> list[Explanation]:
        """One explanation a row; `targets` are as in `ask`.

        Spans are code points of the text, or of both texts of a pair joined by ' [SEP] '. Words
        beyond the backbone's longest input are left out: the model has not read them.
        """
        questions = ask(learner, schema, texts, ids, calibration, targets)
        return [self.answer(question) for question in questions]

    def answer(self, question: Question) -> Explanation:
        """The explanation of one question."""
        learner = question.learner
        with evaluating(learner.backbone.module), evaluating(learner.head):
            weights = self.weigh(question)
        return question.told(weights.units, self.name, weights.gap)


EXPLAINERS: Registry[type[Explainer]] = Registry("explainer", "journeyman.explainers")

USUAL = {"text": "integrated-gradients", "image": "occlusion"}
"""The method where none is named, by what is read: of those here the most faithful by the deletion
test, in seconds that are bearable."""


def explainer_for(modality: str, options: ExplainOptions) -> Explainer:
    """The explainer that is asked for, or the usual one."""
    return EXPLAINERS[options.method or USUAL[modality]](options)
