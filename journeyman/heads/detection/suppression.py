"""Of boxes of one class that overlap, the best alone is left."""

from __future__ import annotations

import torch
from torch import Tensor

from journeyman.heads.detection.boxes import overlaps

BLOCK = 256
"""How many boxes are compared with one another at once."""


def suppressed(boxes: Tensor, classes: Tensor, overlap: float, limit: int) -> Tensor:
    """Indices of the boxes that are left, `limit` at most, in their order.

    `boxes` [N, 4] with `classes` [N] come with the highest score first. A box goes if a better one
    of its class that is left overlaps it by more than `overlap`: greedy non-maximum suppression,
    block by block, and no further than `limit` needs.
    """
    kept = torch.zeros(0, dtype=torch.long, device=boxes.device)
    for first in range(0, len(boxes), BLOCK):
        block = torch.arange(first, min(first + BLOCK, len(boxes)), device=boxes.device)
        free = ~_clash(boxes, classes, block, kept, overlap).any(1)
        block = block[free]
        among = _clash(boxes, classes, block, block, overlap).tril(-1)
        kept = torch.cat([kept, block[_greedy(among)]])
        if len(kept) >= limit:
            break
    return kept[:limit]


def _clash(boxes: Tensor, classes: Tensor, some: Tensor, others: Tensor, overlap: float) -> Tensor:
    """[some, others]: of one class, and overlapping too far."""
    same = classes[some, None] == classes[others]
    return same & (overlaps(boxes[some, None], boxes[others]) > overlap)


def _greedy(clash: Tensor) -> Tensor:
    """Which [N] are left, where `clash` [N, N] (lower triangle) says what a better one rules out.

    Each round settles at least one more box for good, and usually most of them.
    """
    clash = clash.float()
    left = torch.ones(len(clash), device=clash.device)
    while True:
        now = (clash @ left == 0).float()
        if torch.equal(now, left):
            return left.bool()
        left = now
