"""What a detector's outputs are charged: for classes, for boxes, for each side's distance."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from journeyman.heads.detection.boxes import TINY, complete_overlaps


def quality_loss(logits: Tensor, targets: Tensor, focus: float) -> Tensor:
    """Cross-entropy with target scores in [0, 1], times |error|^focus; of each element.

    The quality focal loss of Li et al. (2020, "Generalized focal loss").
    """
    plain = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    if not focus:
        return plain
    error = (torch.sigmoid(logits) - targets).abs().clamp(min=TINY)
    return plain * error.pow(focus)


def box_loss(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 - complete IoU [N] of boxes [N, 4] in pixels."""
    return 1 - complete_overlaps(boxes, targets)


def distance_loss(logits: Tensor, distances: Tensor) -> Tensor:
    """Distribution focal loss [N] of four sides (Li et al., 2020), the mean of them.

    `logits` [N, 4, bins] over the distances 0, 1, ... bins - 1; `distances` [N, 4] are clamped to
    that range, and their mass lies on the two bins around them.
    """
    last = logits.shape[-1] - 1
    wanted = distances.clamp(0, last)
    below = wanted.floor().clamp(max=last - 1)
    upper = wanted - below
    logs = functional.log_softmax(logits, -1)
    places = below.long()[..., None]
    pair = torch.cat([logs.gather(-1, places), logs.gather(-1, places + 1)], -1)
    return -(pair[..., 0] * (1 - upper) + pair[..., 1] * upper).mean(-1)


def mean_distance(logits: Tensor) -> Tensor:
    """The expected bin [...] of logits [..., bins]."""
    bins = torch.arange(logits.shape[-1], dtype=logits.dtype, device=logits.device)
    return logits.softmax(-1) @ bins
