"""One label for each picture, learned from hard labels or from a weight for each label."""

from __future__ import annotations

from typing import ClassVar

from journeyman.backbones.picture_inputs import Picture
from journeyman.data.options import DataOptions
from journeyman.tasks.base import TASKS
from journeyman.tasks.text_classification import TextClassification
from journeyman.types import Row


def picture_of(row: Row, data: DataOptions) -> Picture:
    """The picture that a row names."""
    return Picture(str(row[data.image or "image"]))


@TASKS.register("image-classification")
class ImageClassification(TextClassification):
    """Labels as of texts; what is read is a picture."""

    name = "image-classification"
    modality = "image"
    usual = True
    primary_metric = "accuracy"
    metric_names: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    needs = ("image", "label")
    reads = ("label", "soft_label")
    pipeline = "image-classification"

    def text(self, row: Row, data: DataOptions) -> Picture:
        """The picture's path."""
        return picture_of(row, data)
