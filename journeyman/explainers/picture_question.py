"""Why a picture is answered as it is: the cells of a grid laid over it are what is weighed.

Shapes: B variants of one picture, H and W its pixels as the backbone sees it, U its cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Backbone, Inputs
from journeyman.backbones.picture_inputs import COST, PictureInputs
from journeyman.backbones.placement import Placement
from journeyman.explainers.overlay import data_uri, marked, overlaid, sized
from journeyman.explainers.question import Ends, Question
from journeyman.explainers.target import Target
from journeyman.training.learner import Learner
from journeyman.types import BoxSides, Explanation, PictureExplanation

CELLS = 7
"""Cells along each side."""
ROWS_AT_ONCE = 10
BLANK = "mean colour"


@dataclass(frozen=True)
class PixelInputs(Inputs):
    """Pixels [B, 3, H, W] in the place of pictures on disk."""

    values: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "lengths", np.full(len(self.values), COST, dtype=np.int64))
        object.__setattr__(self, "keys", [b""] * len(self.values))

    def select(self, indices: Sequence[int] | NDArray[np.int64]) -> PixelInputs:
        """The rows at `indices`, in that order."""
        return PixelInputs(self.values[torch.as_tensor(np.asarray(indices))])

    def pixels(self) -> Tensor:
        """The pixels as they are."""
        return self.values


@dataclass(frozen=True)
class Scene:
    """A picture as its backbone sees it: `pixels` [1, 3, H, W], and the same in bytes [H, W, 3].

    `placement` takes pixels of the file to shares of what is seen.
    """

    path: str
    pixels: Tensor
    seen: NDArray[np.uint8]
    placement: Placement

    @classmethod
    def read(cls, backbone: Backbone, path: str) -> Scene:
        """Decode the picture once."""
        inputs = cast(PictureInputs, backbone.prepare([path]))
        seen = inputs.fitted()
        pixels = inputs.preprocessing.normalised(torch.from_numpy(seen))
        return cls(path, pixels, seen[0], inputs.placements()[0])

    def shares(self, box: BoxSides) -> tuple[float, float, float, float]:
        """The corners of a box of the file, in shares of what is seen."""
        x, y, width, height = box
        corners = self.placement.boxes(np.array([[x, y, x + width, y + height]]))[0]
        left, top, right, bottom = map(float, corners)
        return left, top, right, bottom

    @property
    def inputs(self) -> PixelInputs:
        """The picture as a row to be answered."""
        return PixelInputs(self.pixels)


@dataclass(frozen=True)
class PictureQuestion(Question):
    """Why `learner` gives `scene` the score of `target`. A blank cell has the mean colour of the
    pictures that the backbone was pretrained on."""

    id: str
    learner: Learner
    target: Target
    scene: Scene
    box: BoxSides | None = None
    """What is asked about, in pixels of the file, where it is a part of the picture."""

    @property
    def units(self) -> int:
        """U, cells row by row."""
        return CELLS * CELLS

    @property
    def rows_at_once(self) -> int:
        """The same for every picture."""
        return ROWS_AT_ONCE

    @property
    def whole(self) -> PixelInputs:
        """The picture as it is."""
        return self.scene.inputs

    def hidden(self, sets: Sequence[Sequence[int]]) -> PixelInputs:
        """Each variant has the cells of its set blank."""
        kept = torch.ones(len(sets), CELLS * CELLS)
        for line, cells in zip(kept, sets, strict=True):
            line[list(cells)] = 0.0
        down, across = self._places()
        shaped = kept.reshape(-1, CELLS, CELLS)[:, down][:, :, across]
        return PixelInputs(self.scene.pixels * shaped.unsqueeze(1))

    def without(self, units: Sequence[int]) -> PixelInputs:
        """These cells blank."""
        return self.hidden([units])

    def ends(self) -> Ends:
        """Pixels [2, 3, H, W]."""
        points = torch.cat([torch.zeros_like(self.scene.pixels), self.scene.pixels])
        return Ends(points, self.scores([PixelInputs(points)]))

    def score_at(self, points: Tensor) -> Tensor:
        """[B] of pixels [B, 3, H, W]."""
        return self.score(PixelInputs(points))

    def gathered(self, attributions: Tensor) -> NDArray[np.float64]:
        """[U] of [3, H, W]: summed over colours and over each cell's pixels."""
        down, across = self._places()
        rows = torch.zeros(CELLS, attributions.shape[2], dtype=torch.float64)
        rows.index_add_(0, down, attributions.double().sum(0))
        cells = torch.zeros(CELLS, CELLS, dtype=torch.float64).index_add_(1, across, rows)
        found: NDArray[np.float64] = cells.flatten().numpy()
        return found

    def told(self, weights: NDArray[np.float64], method: str, gap: float) -> Explanation:
        """A weight for each cell, row by row."""
        heat = tuple(map(tuple, weights.reshape(CELLS, CELLS).tolist()))
        name = self.target.name
        said = (self.id, name, method, BLANK, (), None, gap)
        return PictureExplanation(*said, heat=heat, box=self.box)

    def shown(self, explanation: Explanation) -> dict[str, Any]:
        """The picture, and the same under its weights."""
        heat = np.array(cast(PictureExplanation, explanation).heat)
        shown = {"picture": sized(self.scene.seen), "overlay": overlaid(self.scene.seen, heat)}
        box = None if self.box is None else self.scene.shares(self.box)
        uris = {name: data_uri(marked(image, box)) for name, image in shown.items()}
        return {"text": Path(self.scene.path).name, **uris}

    def _places(self) -> tuple[Tensor, Tensor]:
        """The cell of each pixel, down [H] and across [W]."""
        height, width = self.scene.pixels.shape[2:]
        return torch.arange(height) * CELLS // height, torch.arange(width) * CELLS // width
