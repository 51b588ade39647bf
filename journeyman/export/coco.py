"""COCO: one JSON file with the pictures, a category for each label, and the boxes with scores.

It is a whole dataset, not the bare list of results that COCO's own tools take: so it can be read
back, as rows or in a program for annotating, where a list alone says neither which picture nor
which label a number means. Its `annotations` are such a list: each has image_id, category_id, bbox
and score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from journeyman.data.pictures import picture_size
from journeyman.export.base import EXPORTS, Found
from journeyman.files import write_json


@EXPORTS.register("coco")
def write_coco(found: Sequence[Found], labels: Sequence[str], place: Path) -> None:
    """Categories are numbered from 1 in the order of the labels.

    An image has the number of its row's id where all ids are whole numbers, as those of a COCO file
    are, else its place among the rows from 1; a picture asked about twice is two images.
    """
    numbers = _numbers([each.id for each in found])
    category = {label: number for number, label in enumerate(labels, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, each in zip(numbers, found, strict=True):
        images.append(_image(number, each, place))
        for box in each.boxes:
            said = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": category[box.label],
                "bbox": list(box.box),
                "area": box.box[2] * box.box[3],
                "score": box.score,
                "iscrowd": 0,
            }
            annotations.append(said)
    categories = [{"id": number, "name": label} for label, number in category.items()]
    write_json(place, {"images": images, "annotations": annotations, "categories": categories})


def _numbers(ids: Sequence[str]) -> list[int]:
    whole = [int(each) for each in ids if each.isascii() and each.isdigit()]
    own = len(whole) == len(ids) == len(set(whole))
    return whole if own else list(range(1, len(ids) + 1))


def _image(number: int, each: Found, place: Path) -> dict[str, Any]:
    """The picture by its path from the file where it stands below, else by its whole path."""
    folder = place.absolute().parent
    inside = each.picture.is_relative_to(folder)
    name = each.picture.relative_to(folder).as_posix() if inside else str(each.picture)
    width, height = picture_size(each.picture)
    return {"id": number, "file_name": name, "width": width, "height": height, "row": each.id}
