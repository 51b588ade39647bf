"""Which points learn which box: task-aligned assignment (Feng et al., 2021, "TOOD").

B pictures, P points, G boxes (padded), C classes; boxes in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from journeyman.heads.detection.boxes import overlaps
from journeyman.heads.detection.points import Points

LEAST_QUALITY = 0.1
"""The target score of a box's best point is not below it, so that no box goes unlearned."""


@dataclass(frozen=True)
class AssignmentSettings:
    """A point is as good for a box as score^alpha * IoU^beta; the best `count` learn the box."""

    count: int = 10
    alpha: float = 0.5
    beta: float = 6.0


@dataclass(frozen=True)
class Assignment:
    """What each point learns: `taken` [B, P] of which `boxes` [B, P] (an index), how surely.

    `scores` [B, P] are the target scores, 0 where nothing is to be found.
    """

    taken: Tensor
    boxes: Tensor
    scores: Tensor


@torch.no_grad()
def assign(
    scores: Tensor, boxes: Tensor, points: Points, targets: Tensor, settings: AssignmentSettings
) -> Assignment:
    """Give points [P] to the `targets` [B, G, 5] (class, then pixels; a class below 0 pads).

    `scores` [B, P, C] are probabilities and `boxes` [B, P, 4] pixels, both as predicted now. A
    point may learn a box if it lies inside; the nearest point of the finest level always may.
    """
    real = targets[..., 0] >= 0
    shares = overlaps(boxes[:, None], targets[:, :, None, 1:])
    candidates = _candidates(points, targets) & real[..., None]
    quality = _said(scores, targets) ** settings.alpha * shares**settings.beta
    chosen = _best(quality, candidates, settings.count)
    owner, taken = _owners(shares, candidates, chosen)
    chosen &= torch.zeros_like(chosen).scatter_(1, owner[:, None], True)
    best = (quality * chosen).amax(-1, keepdim=True)
    reached = (shares * chosen).amax(-1, keepdim=True).clamp(min=LEAST_QUALITY)
    # Where all of a box's points have a quality of nought they learn it alike.
    relative = torch.where(best > 0, quality / best.clamp(min=torch.finfo(best.dtype).tiny), 1.0)
    sure = relative * reached * chosen
    return Assignment(taken, owner, sure.amax(1))


def _candidates(points: Points, targets: Tensor) -> Tensor:
    """[B, G, P]: the points inside each box, and the finest level's nearest to its middle."""
    x, y = points.centres.unbind(-1)
    left, top, right, bottom = targets[..., 1:, None].unbind(2)
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    finest = slice(points.finest)
    reach = points.cells[finest].unbind(-1)
    across = ((left + right) / 2 - x[finest]).abs() <= reach[0] / 2
    down = ((top + bottom) / 2 - y[finest]).abs() <= reach[1] / 2
    inside[..., finest] |= across & down
    return inside


def _said(scores: Tensor, targets: Tensor) -> Tensor:
    """[B, G, P]: the score that each point gives the class of each box."""
    classes = targets[..., 0].long().clamp(min=0)
    wanted = classes[..., None].expand(-1, -1, scores.shape[1])
    return scores.transpose(1, 2).gather(1, wanted)


def _best(quality: Tensor, candidates: Tensor, count: int) -> Tensor:
    """[B, G, P]: the `count` best candidates of each box."""
    ranked = torch.where(candidates, quality, -1.0)
    places = ranked.topk(min(count, ranked.shape[-1]), -1).indices
    return torch.zeros_like(candidates).scatter_(-1, places, True) & candidates


def _owners(shares: Tensor, candidates: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """[B, P]: of the boxes that chose a point, the one that it overlaps most; and if any did.

    A box that has no other candidate comes first.
    """
    needy = candidates.sum(-1, keepdim=True) == 1
    claims, owner = torch.where(chosen, shares + needy, -1.0).max(1)
    return owner, claims >= 0
