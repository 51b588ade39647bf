"""A backbone in pretraining, for the one loop: its outputs are losses, whatever the method."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from journeyman.backbones.base import Backbone, Features
from journeyman.pretraining.methods.base import Method
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array, Schema
from journeyman.training.examples import Examples, FeatureSource, in_batches
from journeyman.training.learner import PREDICT_ROWS, Learner
from journeyman.tuners.base import Tuner

LIKELIHOOD = "log_likelihood"
"""What epochs are compared by: the mean over what is foretold in held-out texts."""


class Likelihood:
    """What the loop asks of a task, where outputs are the losses of what was foretold."""

    name = "pretraining"
    kind = "text"
    unit = "token"

    def loss(self, outputs: Tensor, encoded: Tensor, weights: Tensor | None) -> Tensor:
        """Their mean; there are no targets beside the text."""
        return outputs.mean()

    def score(
        self, outputs: Sequence[Array], targets: Sequence[Any], schema: Schema, metric: str
    ) -> float:
        """The mean log-likelihood; 0 when there is nothing to foretell."""
        losses = np.concatenate(list(outputs)) if outputs else np.zeros(0)
        return -float(losses.mean()) if len(losses) else 0.0

    def class_weights(self, schema: Schema) -> Tensor | None:
        """None: there are no classes."""
        return None


class PretrainLearner(Learner):
    """A backbone bent by a tuner above `cut`, and a method that says what it is to foretell."""

    def __init__(
        self, method: Method, backbone: Backbone, tuner: Tuner, cut: int, folder: Path
    ) -> None:
        task: Any = Likelihood()
        nothing: Any = torch.nn.Identity()
        super().__init__(task, method.bent(backbone), tuner, nothing, cut)
        self.method = method
        head: Any = method.head(self.backbone, folder)
        self.head = head

    def __call__(self, features: Features) -> Tensor:
        """[M]: the losses of what is foretold."""
        return self.method.losses(self.backbone, self.head, features, self.cut)

    def against(self, outputs: Any, targets: Tensor) -> Any:
        """The losses: there are no targets beside the text."""
        return outputs

    def outputs(
        self, examples: Examples, source: FeatureSource, reporter: Reporter = QUIET
    ) -> list[Array]:
        """The losses of all texts, a batch each; the same at every call."""
        found: list[Array] = []
        with torch.no_grad(), self._judged():
            for _, features in in_batches(source, PREDICT_ROWS):
                found.append(self(features).float().numpy())
        return found

    def _judged(self) -> AbstractContextManager[None]:
        """Within, the mode that losses on held-out texts are taken in."""
        self.train(self.method.judged_with_dropout)
        if not self.method.judged_with_dropout:
            return nullcontext()
        return _Seeded(self.method.seed)


class _Seeded:
    """Within, torch draws from a seed of its own."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> None:
        self._before = torch.get_rng_state()
        torch.manual_seed(self.seed)

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self._before)
