"""The same boxes in every picture: what the places and sizes of training boxes alone tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from journeyman.evaluation.baselines.base import BASELINES, Baseline, Inputs, Targets
from journeyman.evaluation.box_overlap import overlaps
from journeyman.evaluation.box_verdicts import HALF
from journeyman.types import ScoredBox

CLUSTERS = 64
"""Typical boxes of a class at most."""
MOST_PICTURES = 2_000
"""Training pictures that are looked at, drawn at random beyond that."""
_UNIT = 1_000.0
"""Sides are shares of the picture; pycocotools wants them larger than nothing."""

Array = NDArray[np.float64]


@BASELINES.register("typical_boxes")
class TypicalBoxes(Baseline):
    """Centres of clusters of each class's boxes, taken while they hit boxes that none yet hits.

    Boxes are in shares of the picture. A box's score is the share of training pictures in which it
    does, so the most typical come first.
    """

    name = "typical_boxes"
    purpose = "in every picture the boxes that are typical of the training pictures"
    kinds = ("boxes",)
    modality = "image"

    def fit(self, inputs: Inputs, targets: Targets, validation: tuple[Inputs, Targets]) -> Self:
        """Cluster the boxes of each class; those of difficult objects are left out."""
        chosen = np.arange(len(inputs))
        if len(inputs) > MOST_PICTURES:
            draw = np.random.default_rng(self.seed)
            chosen = np.sort(draw.choice(len(inputs), MOST_PICTURES, replace=False))
        shares: dict[str, list[Sequence[float]]] = {}
        for at in chosen:
            width, height = inputs[int(at)].sides()
            for box in targets[int(at)]:
                if not box.difficult:
                    x, y, w, h = box.box
                    sides = (x / width, y / height, w / width, h / height)
                    shares.setdefault(box.label, []).append(sides)
        found = [
            (score, label, sides)
            for label, boxes in sorted(shares.items())
            for score, sides in self._typical(np.array(boxes), len(chosen))
        ]
        self._boxes = sorted(found, key=lambda each: -each[0])
        return self

    def predict(self, inputs: Inputs) -> list[Any]:
        """The same boxes for each picture, in its own pixels, the highest score first."""
        answers = []
        for each in inputs:
            scale = np.array(each.sides() * 2, dtype=np.float64)
            answers.append(
                [
                    ScoredBox(tuple((sides * scale).tolist()), label, score)
                    for score, label, sides in self._boxes
                ]
            )
        return answers

    def _typical(self, boxes: Array, pictures: int) -> list[tuple[float, Array]]:
        """Scores and sides [4] of one class's boxes."""
        count = min(CLUSTERS, len(np.unique(boxes, axis=0)))
        centres = KMeans(count, n_init=1, random_state=self.seed).fit(boxes).cluster_centers_
        kept, none = boxes * _UNIT, [False] * len(boxes)
        hits = overlaps((centres * _UNIT).tolist(), kept.tolist(), none) >= HALF
        typical = []
        while hits.any():
            best = int(hits.sum(axis=1).argmax())
            typical.append((float(min(hits[best].sum() / pictures, 1.0)), centres[best]))
            hits = hits & ~hits[best]
        return typical
