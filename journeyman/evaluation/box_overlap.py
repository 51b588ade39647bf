"""How much boxes lie on one another, by pycocotools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask

from journeyman.types import BoxSides

Array = NDArray[np.float64]


def overlaps(
    found: Sequence[BoxSides], true: Sequence[BoxSides], difficult: Sequence[bool]
) -> Array:
    """[F, T]: intersection over union of boxes as x, y, width, height.

    With a difficult one, the share of the found box that lies within it, as COCO has it of crowds:
    any part of it may have been meant.
    """
    if not len(found) or not len(true):
        return np.zeros((len(found), len(true)))
    sides = [np.asarray(boxes, dtype=np.float64).reshape(-1, 4) for boxes in (found, true)]
    share: Array = mask.iou(*sides, [int(each) for each in difficult])
    return share
