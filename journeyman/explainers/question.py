"""One thing to be explained: a text, the score that is asked about, and how to score variants.

Shapes: B variants of one text, T its tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from journeyman.backbones.text_encoder import Text
from journeyman.backbones.text_inputs import TextInputs
from journeyman.explainers.passage import Passage
from journeyman.explainers.target import Asked, Target, target_of
from journeyman.tasks.base import Schema
from journeyman.training.examples import Examples
from journeyman.training.learner import Learner

TOKENS_AT_ONCE = 2048
"""Tokens of one forward and backward pass: bounds the memory that activations take."""


@dataclass(frozen=True)
class Question:
    """Why `learner` gives `passage` the score of `target`."""

    id: str
    learner: Learner
    passage: Passage
    target: Target

    @property
    def rows_at_once(self) -> int:
        """How many variants of the text are answered in one pass."""
        return max(1, TOKENS_AT_ONCE // max(len(self.passage.ids), 1))

    def score(self, inputs: TextInputs) -> Tensor:
        """[B] scores by the path that answers, with a graph where gradients are enabled.

        Features are not rounded to half precision, as answers' are: that step has no gradient. For
        the same reason they are always those with a graph, in float32: weights sum to the
        difference of scores of one and the same function.
        """
        learner = self.learner
        features = learner.backbone.frozen(inputs, learner.cut, grad=True)
        return self.target.score(learner(features))

    @torch.no_grad()
    def scores(self, variants: Sequence[TextInputs]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """[B] scores of variants, each of one row."""
        found = [self.score(variant) for variant in variants]
        return torch.cat(found).double().numpy() if found else np.zeros(0)


def ask(
    learner: Learner,
    schema: Schema,
    texts: Sequence[Text],
    ids: Sequence[str],
    calibration: Mapping[str, Any],
    targets: Sequence[Asked] | None = None,
) -> list[Question]:
    """One question a text: about `targets` where given, else about the learner's own answer."""
    task = learner.task
    examples = Examples(texts, learner.backbone.prepare(texts), ())
    outputs = learner.outputs(examples, learner.uncached(examples))
    answers = task.decode(outputs, schema, calibration, ids, texts)
    questions = []
    for row_id, text, answer, asked in zip(
        ids, texts, answers, targets or [None] * len(texts), strict=True
    ):
        passage = Passage.read(learner.backbone, text)
        target = target_of(task, schema, answer, asked, passage.inputs, text)
        questions.append(Question(row_id, learner, passage, target))
    return questions
