"""Label smoothing: targets that leave a share of doubt (Szegedy et al., 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from journeyman.errors import JourneymanError
from journeyman.tasks.base import IGNORED, Task


def smoothed_loss(
    task: Task, outputs: Tensor, encoded: Tensor, weights: Tensor | None, share: float
) -> Tensor:
    """The task's loss against targets of which `share` is spread over all classes alike.

    Labels of a multi-label task move towards a half. Raises JourneymanError for a task of values.
    """
    if share == 0.0:
        return task.loss(outputs, encoded, weights)
    if task.kind == "label":
        return task.loss(outputs, torch.lerp(encoded, uniform(encoded), share), weights)
    if task.kind == "labels":
        return task.loss(
            outputs, torch.lerp(encoded, torch.full_like(encoded, 0.5), share), weights
        )
    if task.kind == "tags":
        loss = task.loss(outputs, encoded, weights)
        return torch.lerp(loss, _doubt(outputs, encoded, weights), share)
    raise JourneymanError(
        f"The task {task.name} has no labels to smooth.",
        place="finetune.label_smoothing",
        expected="`label_smoothing` with a task of labels or tags",
        found=f"{share:g} with {task.name}",
        remedy="remove finetune.label_smoothing",
    )


def uniform(encoded: Tensor) -> Tensor:
    """[B, C] with every class alike."""
    return torch.full_like(encoded, 1.0 / encoded.shape[-1])


def _doubt(outputs: Tensor, encoded: Tensor, weights: Tensor | None) -> Tensor:
    """Mean cross-entropy of [B, T, C] logits against the uniform distribution, where learned."""
    kept = encoded != IGNORED
    losses = -torch.log_softmax(outputs[kept], dim=-1).mean(-1)
    if weights is None:
        return losses.mean()
    counts = weights[encoded[kept]]
    return (losses * counts).sum() / counts.sum()
