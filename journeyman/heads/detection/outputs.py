"""What any detector says of a batch of pictures, whether its head is ours or its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.heads.detection.suppression import suppressed

CANDIDATES = 3000
"""The best pairs of a box and a label that suppression looks at."""

Share: TypeAlias = float
"""A number from 0 to 1."""
Found = NDArray[np.float32]
"""[K, 6] of one picture: x1, y1, x2, y2 in shares of it, class, score; highest score first."""


class BoxOutputs(ABC):
    """The outputs for B pictures: they can be learned from, and give boxes.

    Shares are of the picture as the network sees it: 0 is its left or upper edge, 1 the other.
    """

    @abstractmethod
    def loss(self, targets: Tensor) -> Tensor:
        """The mean over pictures of each picture's loss, in float32.

        `targets` [B, n, 5] are class, x1, y1, x2, y2 in shares, padded with rows below nought.
        A picture's loss depends on that picture alone, so that a batch taken in parts, each
        weighted by its share of the pictures, has the gradient of the whole.
        """

    @abstractmethod
    def candidates(self) -> tuple[Tensor, Tensor]:
        """Boxes [B, P, 4] in shares, and how likely each label is there [B, P, C], 0 to 1.

        All of them, before any is dropped, with a graph where gradients are enabled.
        """

    @abstractmethod
    def float(self) -> Self:
        """The same in float32."""

    @abstractmethod
    def to(self, device: torch.device) -> Self:
        """The same on this device."""

    @abstractmethod
    def detach(self) -> Self:
        """The same without a graph behind it."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where they are."""

    def found(self, floor: Share, limit: int, overlap: Share) -> list[Found]:
        """Boxes with scores of at least `floor`, of each picture `limit` at most.

        Of boxes of one class that overlap by more than `overlap` (IoU) the best alone is left.
        """
        with torch.no_grad():
            pairs = zip(*self.detach().candidates(), strict=True)
            return [_best(*pair, floor, limit, overlap) for pair in pairs]


def _best(boxes: Tensor, chances: Tensor, floor: Share, limit: int, overlap: Share) -> Found:
    """What one picture's `boxes` [P, 4] and `chances` [P, C] come to."""
    at, classes = (chances >= floor).nonzero(as_tuple=True)
    best = chances[at, classes].sort(descending=True, stable=True)
    order, values = best.indices[:CANDIDATES], best.values[:CANDIDATES]
    at, classes = at[order], classes[order]
    corners = boxes[at].clamp(0, 1)
    solid = (corners[:, 2:] > corners[:, :2]).all(1)
    corners, classes, values = corners[solid], classes[solid], values[solid]
    left = suppressed(corners, classes, overlap, limit)
    whole = torch.cat([corners, classes[:, None].float(), values[:, None]], dim=1)
    found: Found = whole[left].cpu().numpy()
    return found
