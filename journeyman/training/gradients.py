"""The gradient of a step: of one mean over all its rows, however they are divided."""

from __future__ import annotations

from contextlib import AbstractContextManager

from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from journeyman.backbones.precision import in_bfloat16
from journeyman.errors import JourneymanError
from journeyman.tasks.base import Encoded, Schema
from journeyman.training.examples import Examples, FeatureSource
from journeyman.training.learner import Learner
from journeyman.training.objectives.base import objective_of
from journeyman.training.options import LoopOptions
from journeyman.training.parts import Indices, mass, parts_of


class Gradients:
    """Adds to the parameters' gradients what the rows of a step ask for."""

    def __init__(
        self,
        learner: Learner,
        schema: Schema,
        examples: Examples,
        source: FeatureSource,
        options: LoopOptions,
    ) -> None:
        self.learner, self.examples, self.source = learner, examples, source
        self.schema, self.options = schema, options
        self.objective = objective_of(options.objective)
        self.weights = learner.task.class_weights(schema) if options.class_weights else None
        self.device = learner.backbone.device
        self.half = learner.backbone.in_half(options.precision)
        for name in ("accumulate", "processes"):
            count = getattr(options, name)
            if count > 1 and not self.objective.splits:
                raise JourneymanError(
                    f"The objective {self.objective.name!r} compares the rows of a step.",
                    place=f"{options.field}.{name}",
                    expected="1 with this objective: its step cannot be taken in parts",
                    found=str(count),
                    remedy=f"remove {options.field}.{name}, or choose another objective",
                )

    @property
    def step_rows(self) -> int:
        """Rows of one step."""
        return self.options.batch_size * self.options.accumulate

    @property
    def encoded(self) -> Encoded:
        """The training targets as tensors."""
        if self.examples.encoded is None:
            raise ValueError("training rows need encoded targets")
        return self.examples.encoded

    def batches(self, seed: int, epoch: int) -> list[Indices]:
        """The rows of each step of an epoch."""
        return self.objective.batches(
            self.source, self.encoded, self.step_rows, seed=seed, epoch=epoch
        )

    def add(self, batch: Indices, rank: int = 0, processes: int = 1) -> float:
        """Add the gradient of this process's rows of a step; gives their part of the loss."""
        if not self.objective.splits:
            return self._add_part(batch, 1.0)
        whole = mass(self.encoded, batch, self.weights)
        total = 0.0
        for part in parts_of(batch, self.options.batch_size, rank, processes):
            share = mass(self.encoded, part, self.weights) / max(whole, 1e-30)
            total += self._add_part(part, share) if share > 0 else 0.0
        return total

    def _add_part(self, rows: Indices, share: float) -> float:
        loss = self._loss(self._outputs(rows), rows)
        extra = self.learner.tuner.extra_loss()
        whole = loss if extra is None else loss + extra
        (whole * share).backward()  # type: ignore[no-untyped-call]
        return share * float(loss.detach())

    def _outputs(self, rows: Indices) -> Tensor:
        features = self.source.gather(rows)
        with plain_attention(), in_bfloat16(self.device.type, self.half):
            return self.objective.forward(self.learner, features).float()

    def _loss(self, outputs: Tensor, rows: Indices) -> Tensor:
        targets = self.encoded.batch(rows).to(outputs.device)
        weights = None if self.weights is None else self.weights.to(outputs.device)
        if self.objective.trains_head:
            outputs = self.learner.against(outputs, targets)
        return self.objective.loss(self.learner.task, outputs, targets, weights)


def plain_attention() -> AbstractContextManager[None]:
    """Within, attention is plain matrix products.

    The fused attention of PyTorch 2.13 on processors takes seven times as long backwards, at the
    lengths of sentences (`docs/lab-notes.md`).
    """
    context: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
    return context
