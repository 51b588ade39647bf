"""Any number of labels for each picture."""

from __future__ import annotations

from journeyman.backbones.picture_inputs import Picture
from journeyman.data.options import DataOptions
from journeyman.tasks.base import TASKS
from journeyman.tasks.image_classification import picture_of
from journeyman.tasks.multi_label_classification import MultiLabelClassification
from journeyman.types import Row


@TASKS.register("multi-label-image-classification")
class MultiLabelImageClassification(MultiLabelClassification):
    """Labels as of texts; what is read is a picture."""

    name = "multi-label-image-classification"
    modality = "image"
    usual = True
    needs = ("image", "label")
    reads = ("label", "label_separator")
    pipeline = "image-classification"

    def text(self, row: Row, data: DataOptions) -> Picture:
        """The picture's path."""
        return picture_of(row, data)
