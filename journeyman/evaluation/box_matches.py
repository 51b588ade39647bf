"""Which found boxes match true ones, in every picture, by pycocotools.

Lin et al. (2014), "Microsoft COCO: common objects in context": of each class and picture, found
boxes in the order of their scores each take the true box they overlap most. `difficult` boxes are
COCO's crowds: a found box that matches one is neither right nor wrong, nor is it missed.
Shapes: I pictures, D found boxes of a class, A ranges of area, T least overlaps.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from journeyman.types import LabelledBox, ScoredBox

OVERLAPS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""The least overlaps (intersection over union) of COCO's mean average precision."""
AREAS: Mapping[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""COCO's ranges of area, in pixels of the picture as it is."""
MOST = 100
"""Boxes of a class in a picture that count: those with the highest scores."""

Array = NDArray[np.float64]
Found = Sequence[Sequence[ScoredBox]]
Truths = Sequence[Sequence[LabelledBox]]


@dataclass(frozen=True)
class ClassMatches:
    """The found boxes of one class, the highest score first, whatever their picture.

    `pictures` [D] and `scores` [D]; `hit` [A, T, D] where one matches a true box that counts,
    `ignored` [A, T, D] where it is neither right nor wrong; `truths` [A, I] are the true boxes that
    count.
    """

    pictures: NDArray[np.intp]
    scores: NDArray[np.float64]
    hit: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    truths: NDArray[np.float64]


def box_matches(
    found: Found,
    true: Truths,
    labels: Sequence[str],
    *,
    least: Sequence[float] = OVERLAPS,
    areas: Sequence[str] = tuple(AREAS),
) -> list[ClassMatches]:
    """The matches of each of `labels`, with these least overlaps and ranges of area."""
    if len(found) != len(true):
        raise ValueError(f"{len(found)} pictures with answers, {len(true)} with truths")
    there = [{box.label for box in row} for row in true]
    near = [[b for b in row if b.label in met] for row, met in zip(found, there, strict=True)]
    far = [[b for b in row if b.label not in met] for row, met in zip(found, there, strict=True)]
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(_coco(true, labels), _coco(near, labels), "bbox")
        judge.params.imgIds = list(range(len(true)))
        judge.params.catIds = list(range(len(labels)))
        judge.params.iouThrs = np.asarray(least, dtype=np.float64)
        judge.params.areaRng = [list(AREAS[name]) for name in areas]
        judge.params.maxDets = [MOST]
        judge.evaluate()
    shape = (len(areas), len(least), len(true))
    size = len(areas) * len(true)
    limits = np.array([AREAS[name] for name in areas])
    return [
        _joined(_met(judge.evalImgs[at * size : (at + 1) * size], shape), lonely, limits)
        for at, lonely in enumerate(_alone(far, labels))
    ]


def _coco(boxes: Sequence[Sequence[LabelledBox | ScoredBox]], labels: Sequence[str]) -> COCO:
    """Boxes as pycocotools holds them; ids start at 1, since 0 means none to it."""
    places = {label: place for place, label in enumerate(labels)}
    annotations: list[dict[str, Any]] = []
    for picture, row in enumerate(boxes):
        for each in row:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": picture,
                    "category_id": places[each.label],
                    "bbox": list(each.box),
                    "area": each.box[2] * each.box[3],
                    "iscrowd": int(getattr(each, "difficult", False)),
                    "score": getattr(each, "score", 0.0),
                }
            )
    held = COCO()
    held.dataset = {
        "images": [{"id": picture} for picture in range(len(boxes))],
        "categories": [{"id": place, "name": label} for label, place in places.items()],
        "annotations": annotations,
    }
    held.createIndex()
    return held


def _alone(boxes: Found, labels: Sequence[str]) -> list[Array]:
    """[N, 3] of each class: picture, score and area of boxes where none of its label is true."""
    found: dict[str, list[tuple[float, float, float]]] = {label: [] for label in labels}
    for picture, row in enumerate(boxes):
        counts: Counter[str] = Counter()
        for box in sorted(row, key=lambda box: -box.score):
            counts[box.label] += 1
            if counts[box.label] <= MOST:
                found[box.label].append((picture, box.score, box.box[2] * box.box[3]))
    return [np.array(rows, dtype=np.float64).reshape(-1, 3) for rows in found.values()]


def _met(judged: Sequence[Any], shape: tuple[int, int, int]) -> ClassMatches:
    """One class of pycocotools's findings, which are by area, then by picture; in their order."""
    areas, least, pictures = shape
    truths = np.zeros((areas, pictures))
    for at, each in enumerate(judged):
        if each is not None:
            truths[at // pictures, at % pictures] = np.count_nonzero(each["gtIgnore"] == 0)
    first = [each for each in judged[:pictures] if each is not None]
    scores = np.array([score for each in first for score in each["dtScores"]], dtype=np.float64)
    counts = [len(each["dtScores"]) for each in first]
    rows = np.repeat([each["image_id"] for each in first], counts).astype(np.intp)
    hit, ignored = (np.zeros((areas, least, len(scores)), dtype=bool) for _ in range(2))
    for area in range(areas):
        there = [e for e in judged[area * pictures : (area + 1) * pictures] if e is not None]
        if there:
            matched = np.concatenate([e["dtMatches"] for e in there], axis=1) > 0
            ignored[area] = np.concatenate([e["dtIgnore"] for e in there], axis=1).astype(bool)
            hit[area] = matched & ~ignored[area]
    return ClassMatches(rows, scores, hit, ignored, truths)


def _joined(met: ClassMatches, alone: Array, limits: Array) -> ClassMatches:
    """With the boxes that meet no true one, by falling score; of equals, pictures in order."""
    rows = np.concatenate([met.pictures, alone[:, 0].astype(np.intp)])
    scores = np.concatenate([met.scores, alone[:, 1]])
    outside = (alone[:, 2] < limits[:, :1]) | (alone[:, 2] > limits[:, 1:])
    missing = np.zeros((*met.hit.shape[:2], len(alone)), dtype=bool)
    order = np.lexsort((rows, -scores))
    return ClassMatches(
        rows[order],
        scores[order],
        np.concatenate([met.hit, missing], axis=2)[:, :, order],
        np.concatenate([met.ignored, missing | outside[:, None]], axis=2)[:, :, order],
        met.truths,
    )
