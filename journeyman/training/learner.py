"""Backbone, tuner and head as one: the same outputs from rows or from their cached features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from journeyman.backbones.base import Backbone, Features
from journeyman.heads.base import Head
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array, Task
from journeyman.training.examples import Examples, FeatureSource, Uncached, in_batches
from journeyman.training.ledger import Ledger
from journeyman.tuners.base import Tuner

PREDICT_ROWS = 32


class Said(NamedTuple):
    """What a learner says of N rows: the outputs of each ([C], or [W, C] of its words), and how
    like it is to the nearest row learned from [N], where that was asked for and is known."""

    outputs: list[Array]
    nearest: NDArray[np.float32] | None = None


class Learner:
    """A backbone bent by a tuner above `cut`, and a head on it, for one task.

    `ledger` has what a solved head was given, row by row, where that is not too much.
    """

    def __init__(self, task: Task, backbone: Backbone, tuner: Tuner, head: Head, cut: int) -> None:
        self.task = task
        self.tuner = tuner
        self.head = head
        self.cut = cut
        self.ledger: Ledger | None = None
        self.plain = backbone
        """The backbone as it was given, which nothing bends."""
        if task.unit == "map" and not head.reads_hidden:
            backbone = backbone.mapping(head.shape.layers)
        self.backbone = tuner.attach(backbone, cut)
        if tuner.trains:
            self.backbone.module.to(backbone.device)

    @property
    def keep_hidden(self) -> bool:
        """Whether hidden states are needed at the cut, or pooled vectors are enough."""
        unit = self.task.unit
        read = unit == "token" or (unit == "map" and self.head.reads_hidden)
        return read or self.cut < self.backbone.spec.depth

    def __call__(self, features: Features) -> Tensor:
        """Outputs [B, C] or [B, T, C] of features at the cut."""
        outputs: Tensor = self.head(self.read(features))
        return outputs

    def read(self, features: Features) -> Features:
        """What the head reads of features at the cut, on its device."""
        tuned = self.backbone.tuned(features, self.cut)
        return tuned.to(self._head_device(tuned))

    def _head_device(self, features: Features) -> torch.device:
        """Where the head is; one without numbers takes features where they are."""
        for tensor in (*self.head.parameters(), *self.head.buffers()):
            return tensor.device
        return features.mask.device

    def against(self, outputs: Any, targets: Tensor) -> Any:
        """What the task's loss is taken of, with the targets at hand: as the head has it."""
        return self.head.against(outputs, targets)

    def parameters(self) -> dict[str, nn.Parameter]:
        """Everything the loop trains, by name: the tuner's, then the head's."""
        parameters = {f"tuner/{name}": p for name, p in self.tuner.parameters().items()}
        parameters.update({f"head/{name}": p for name, p in self.head.named_parameters()})
        return parameters

    def train(self, mode: bool = True) -> None:
        """Dropout on or off, in what is trained only."""
        if self.tuner.trains:
            self.backbone.module.train(mode)
        self.head.train(mode)

    def load(self, parameters: Mapping[str, Tensor]) -> None:
        """Put values into the trained parameters."""
        for name, parameter in self.parameters().items():
            parameter.data.copy_(parameters[name])

    def uncached(self, examples: Examples) -> Uncached:
        """A source that runs the frozen layers on the spot."""
        return Uncached(self.backbone, examples.inputs, self.cut, self.keep_hidden)

    def answered(
        self, examples: Examples, source: FeatureSource
    ) -> Iterator[tuple[NDArray[np.int64], Features, list[Array]]]:
        """Batches of rows: which they are, what the head reads of them, and their outputs."""
        self.train(False)
        with torch.no_grad():
            for indices, features in in_batches(source, PREDICT_ROWS):
                tuned = self.read(features)
                outputs = self.head(tuned)
                texts = [examples.texts[i] for i in indices]
                part = self.task.split_outputs(outputs, examples.inputs.select(indices), texts)
                yield indices, tuned, part

    def outputs(
        self, examples: Examples, source: FeatureSource, reporter: Reporter = QUIET
    ) -> list[Array]:
        """Outputs of every row ([C], or [W, C] of its words), in the order of the rows."""
        return self.said(examples, source, reporter).outputs

    def said(
        self,
        examples: Examples,
        source: FeatureSource,
        reporter: Reporter = QUIET,
        *,
        nearest: bool = False,
        own: bool = False,
    ) -> Said:
        """Outputs of every row and, if asked for, how like it is to the `nearest` learned row.

        With `own` the rows may themselves be learned, and each is then passed over for itself.
        """
        rows: list[Array] = [np.zeros(0, dtype=np.float32)] * len(examples)
        near: NDArray[np.float32] | None = None
        with reporter.bar("answering", len(examples)) as advance:
            for indices, tuned, part in self.answered(examples, source):
                found = self.head.nearest(tuned.pooled, own=own) if nearest else None
                if found is not None:
                    near = np.zeros(len(examples), dtype=np.float32) if near is None else near
                    near[indices] = found.detach().cpu().numpy()
                for at, row in zip(indices, part, strict=True):
                    rows[at] = row
                advance(len(indices))
        return Said(rows, near)
