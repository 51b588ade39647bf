"""Boxes in a picture, each with a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.backbones.base import Inputs
from journeyman.backbones.mosaic import Mosaic
from journeyman.backbones.picture_inputs import Picture, PictureInputs
from journeyman.backbones.placement import Boxes, Placement
from journeyman.backbones.text_encoder import Text
from journeyman.data.box_mending import mended
from journeyman.data.boxes import boxes_of
from journeyman.data.options import DataOptions
from journeyman.evaluation.detection import (
    best_threshold,
    detection_metrics,
    detection_score,
)
from journeyman.evaluation.intervals import Groups
from journeyman.heads.base import Unit
from journeyman.heads.detection.outputs import BoxOutputs
from journeyman.tasks.base import (
    TASKS,
    Array,
    Calibration,
    Encoded,
    Evaluated,
    Outputs,
    Schema,
    Task,
)
from journeyman.tasks.image_classification import picture_of
from journeyman.types import BoxesPrediction, LabelledBox, Metric, Prediction, Row, ScoredBox

FLOOR = 0.005
"""The least score of a box that is looked at: the mean average precision wants them all."""
LIMIT = 100
"""Boxes of a picture at most, as COCO counts them."""
OVERLAP = 0.6
"""IoU beyond which of two boxes of one class the lower score is dropped."""
VISIBLE = 0.3
"""Share of a box that a view must show for the box to be learned there."""
SHOWN = 0.25
"""The least score of a box that is answered, where validation rows say nothing."""
SIDE = 1e-4
"""The least side of a box that is learned, in shares of the picture."""


@TASKS.register("object-detection")
class ObjectDetection(Task):
    """Outputs are [K, 6] of a picture: x, y, width and height in the file's pixels, class, score.

    Answers hold every box that was found; those below `threshold`, the score at which F1 was best
    on validation rows, are not told to who asks.
    """

    name = "object-detection"
    kind = "boxes"
    modality = "image"
    usual = True
    unit: ClassVar[Unit] = "map"
    primary_metric = "map"
    metric_names: ClassVar[tuple[str, ...]] = ("map", "map_50")
    default_head: ClassVar[str] = "anchor-free"
    default_tuner: ClassVar[str] = "full"
    needs = ("image", "boxes")
    reads = ("boxes",)
    usual_options: ClassVar[Mapping[str, Any]] = {"resize": "letterbox", "image_size": 320}
    averages = False
    composes = True
    pipeline = "object-detection"

    def text(self, row: Row, data: DataOptions) -> Picture:
        """The picture's path."""
        return picture_of(row, data)

    def target(self, row: Row, data: DataOptions) -> tuple[LabelledBox, ...]:
        """The boxes of a row."""
        return boxes_of(row[data.boxes or "boxes"])

    def schema(self, targets: Sequence[Sequence[LabelledBox]]) -> Schema:
        """Labels in alphabetical order, and how many boxes have each."""
        counts = Counter(box.label for boxes in targets for box in boxes if not box.difficult)
        labels = tuple(sorted(counts))
        return Schema(labels, tuple(counts[label] for label in labels))

    def encode(
        self,
        targets: Sequence[Sequence[LabelledBox]],
        schema: Schema,
        inputs: Inputs,
        texts: Sequence[Text],
    ) -> Encoded:
        """[n, 5] a picture: class, x1, y1, x2, y2 in shares of what the backbone sees of it.

        Boxes that are difficult, of a label that is not learned, or hardly seen are left out.
        """
        place = {label: at for at, label in enumerate(schema.labels)}
        placements = cast(PictureInputs, inputs).placements()
        rows = []
        for boxes, placement in zip(targets, placements, strict=True):
            known = [box for box in boxes if box.label in place and not box.difficult]
            corners, seen = _visible(corners_of(known), placement)
            classes = np.array([place[box.label] for box in known], dtype=np.float64)
            row = np.concatenate([classes[seen, None], corners[seen]], axis=1)
            rows.append(torch.from_numpy(row.astype(np.float32)))
        return Encoded(rows)

    def composed(
        self, mosaic: Mosaic, targets: Sequence[Sequence[LabelledBox]]
    ) -> tuple[LabelledBox, ...]:
        """The boxes of the parts where they are in the mosaic, cut where an area ends.

        Those hardly seen are left out, and so is what mending leaves out.
        """
        found: list[LabelledBox] = []
        for boxes, area in zip(targets, mosaic.areas(), strict=True):
            corners, seen = _visible(corners_of(boxes), area.within)
            for at in np.flatnonzero(seen).tolist():
                x1, y1, x2, y2 = map(float, area.whole.boxes(corners[at])[0])
                found.append(replace(boxes[at], box=(x1, y1, x2 - x1, y2 - y1)))
        return mended(found, *mosaic.sides())[0]

    def loss(self, outputs: Any, encoded: Tensor, weights: Tensor | None) -> Tensor:
        """The head's own, as its outputs know it; a mean over pictures."""
        return cast(BoxOutputs, outputs).loss(encoded)

    def split_outputs(self, outputs: Any, inputs: Inputs, texts: Sequence[Text]) -> list[Array]:
        """What was found in each picture, in pixels of its file; nothing reaches beyond it."""
        found = cast(BoxOutputs, outputs).found(FLOOR, LIMIT, OVERLAP)
        rows = cast(PictureInputs, inputs)
        return [
            _in_file(boxes, placement, picture.sides())
            for boxes, placement, picture in zip(
                found, rows.placements(), rows.pictures, strict=True
            )
        ]

    def score(
        self,
        outputs: Outputs,
        targets: Sequence[Sequence[LabelledBox]],
        schema: Schema,
        metric: str,
    ) -> float:
        """Mean average precision over IoU .5 to .95 (COCO), or at .5."""
        found = [_scored(row, schema) for row in outputs]
        return detection_score(found, targets, schema.labels, metric)

    def calibrate(
        self,
        outputs: Outputs,
        targets: Sequence[Sequence[LabelledBox]],
        schema: Schema,
        target_accuracy: float | None,
    ) -> dict[str, Any]:
        """The score from which on boxes are told: where F1 over all boxes is highest."""
        found = [_scored(row, schema) for row in outputs]
        return {"threshold": best_threshold(found, targets, schema.labels)}

    def decode(
        self,
        outputs: Outputs,
        schema: Schema,
        calibration: Calibration,
        ids: Sequence[str],
        texts: Sequence[Text],
    ) -> list[Prediction]:
        """Every box that was found, the highest score first."""
        least = float(calibration.get("threshold", SHOWN))
        return [
            BoxesPrediction(row_id, tuple(_scored(row, schema)), least)
            for row_id, row in zip(ids, outputs, strict=True)
        ]

    def told(self, prediction: Prediction) -> Prediction:
        """Without the boxes whose score is too low to be worth telling."""
        answer = cast(BoxesPrediction, prediction)
        boxes = tuple(box for box in answer.boxes if box.score >= answer.threshold)
        return replace(answer, boxes=boxes)

    def evaluate(
        self,
        predictions: Sequence[Prediction],
        targets: Sequence[Sequence[LabelledBox]],
        schema: Schema,
        *,
        texts: Sequence[Text],
        groups: Groups | None = None,
    ) -> Evaluated:
        """COCO's mean average precisions, of all classes and of each, and the confusion."""
        answers = cast(Sequence[BoxesPrediction], predictions)
        found = [answer.boxes for answer in answers]
        least = answers[0].threshold if answers else SHOWN
        measured = detection_metrics(found, targets, schema.labels, groups=groups, threshold=least)
        return Evaluated(
            measured.metrics, dict(measured.classes), measured.confusion, curves=measured.curves
        )

    def plain(self, texts: Sequence[Text], targets: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Pictures and their boxes."""
        return list(texts), list(targets)

    def class_weights(self, schema: Schema) -> None:
        """None: boxes of rare classes count as those of others."""

    def compare(
        self, targets: Sequence[Any], guesses: Sequence[Any], *, groups: Groups | None = None
    ) -> dict[str, Metric]:
        """The same metrics of a baseline's boxes."""
        found = [[_sure(box) for box in row] for row in guesses]
        return detection_metrics(found, targets, (), groups=groups).metrics


def corners_of(boxes: Sequence[LabelledBox] | Sequence[ScoredBox]) -> Boxes:
    """[N, 4]: the corners of boxes that are told by their sides."""
    sides = np.array([box.box for box in boxes], dtype=np.float64).reshape(-1, 4)
    return np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1)


def _visible(corners: Boxes, placement: Placement) -> tuple[Boxes, NDArray[np.bool_]]:
    """Boxes as they are seen, cut where the view ends, and which of them are seen well enough."""
    whole = placement.boxes(corners)
    cut = whole.clip(0.0, 1.0)
    sides, before = cut[:, 2:] - cut[:, :2], whole[:, 2:] - whole[:, :2]
    share = sides.prod(1) / np.maximum(before.prod(1), SIDE**2)
    return cut, (share >= VISIBLE) & (sides >= SIDE).all(1)


def _in_file(found: Array, placement: Placement, size: tuple[int, int]) -> Array:
    """Boxes of the backbone's picture as x, y, width and height in the file's pixels."""
    limits = np.array([*size, *size], dtype=np.float64)
    corners = placement.back.boxes(found[:, :4].astype(np.float64)).clip(0.0, limits)
    sides = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    rows = np.concatenate([sides, found[:, 4:]], axis=1).astype(np.float32)
    kept: Array = rows[(rows[:, 2:4] > 0).all(1)]
    return kept


def _sure(box: ScoredBox | LabelledBox) -> ScoredBox:
    """A guess with its score, 1 where it has none."""
    return box if isinstance(box, ScoredBox) else ScoredBox(box.box, box.label, 1.0)


def _scored(row: Array, schema: Schema) -> list[ScoredBox]:
    return [
        ScoredBox((x, y, width, height), schema.labels[int(label)], score)
        for x, y, width, height, label, score in row.tolist()
    ]
