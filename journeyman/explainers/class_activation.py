"""Class activation maps (Zhou et al., 2016), of every layer and for any head that reads means."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Features
from journeyman.backbones.vision_backbone import VisionBackbone
from journeyman.explainers.base import EXPLAINERS, Explainer, Weights
from journeyman.explainers.picture_question import CELLS, PictureQuestion, PixelInputs
from journeyman.explainers.question import Question


@EXPLAINERS.register("class-activation")
class ClassActivation(Explainer):
    """What each place of each layer's map adds to the score.

    A head sees the mean of a map over its places. Integrated gradients (Sundararajan et al., 2017)
    of these means, from those of a picture of one colour, say what each of their numbers adds,
    and a place has its share of that: what stands there less what stood there in the blank
    picture. So the weights sum to the difference of the scores, whatever the head. A class token
    belongs to all cells alike.
    """

    name = "class-activation"
    modalities = ("image",)

    def weigh(self, question: Question) -> Weights:
        """One forward of the network, and as many of the head as there are steps."""
        asked = cast(PictureQuestion, question)
        backbone = cast(VisionBackbone, asked.learner.backbone)
        ends = asked.ends()
        states = backbone.states(PixelInputs(ends.points))
        slopes = self._slopes(asked, {layer: each.mean(1) for layer, each in states.items()})
        cells = np.zeros((CELLS, CELLS))
        for layer, slope in slopes.items():
            blank, own = states[layer].double()
            places = (own - blank) @ slope.double() / len(own)
            cells += _spread(places.numpy(), backbone.grid_at(layer))
        return Weights(cells.flatten(), float(abs(cells.sum() - ends.difference)))

    def _slopes(self, question: PictureQuestion, means: dict[int, Tensor]) -> dict[int, Tensor]:
        """{layer: [D]}: the mean gradient of the score on the way between the two means [2, D]."""
        steps = self.options.steps
        way = ((torch.arange(steps) + 0.5) / steps).unsqueeze(1)
        points = {
            layer: (blank + way * (own - blank)).requires_grad_()
            for layer, (blank, own) in means.items()
        }
        with torch.enable_grad():
            features = Features(mask=torch.ones(steps, 1, dtype=torch.bool), pooled=points)
            score = question.target.score(question.learner.head(features)).sum()
        found = torch.autograd.grad(score, list(points.values()), allow_unused=True)
        return {
            layer: slope.mean(0)
            for layer, slope in zip(points, found, strict=True)
            if slope is not None
        }


def _spread(places: NDArray[np.float64], grid: tuple[int, int]) -> NDArray[np.float64]:
    """[CELLS, CELLS] of the places of a map: each cell has what lies under it."""
    patches = places[len(places) - grid[0] * grid[1] :].reshape(grid)
    laid = _overlap(grid[0]) @ patches @ _overlap(grid[1]).T
    whole = places[: len(places) - patches.size].sum()
    found: NDArray[np.float64] = laid + whole / laid.size
    return found


def _overlap(count: int) -> NDArray[np.float64]:
    """[CELLS, count]: the share of each of `count` stretches that lies under each cell."""
    cells, own = np.arange(CELLS + 1) / CELLS, np.arange(count + 1) / count
    start = np.maximum(cells[:-1, None], own[:-1])
    end = np.minimum(cells[1:, None], own[1:])
    found: NDArray[np.float64] = np.maximum(end - start, 0.0) * count
    return found
