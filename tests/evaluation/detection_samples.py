"""Found and true boxes: made by hand, or at random; and what pycocotools itself says of them."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from journeyman.types import LabelledBox, ScoredBox


def true_box(box, label="a", difficult=False):
    return LabelledBox(tuple(map(float, box)), label, difficult)


def found_box(box, label="a", score=0.9):
    return ScoredBox(tuple(map(float, box)), label, score)


def random_boxes(pictures=20, labels="abc", seed=0):
    """Truths, and answers near them, of other labels, twice, and out of the blue; equal scores.

    Some pictures are empty, some boxes difficult; there is no true box of the last label.
    """
    draw = np.random.default_rng(seed)
    found, true = [], []
    for _ in range(pictures):
        truths = [
            LabelledBox(
                (*draw.uniform(0, 300, 2).tolist(), *draw.uniform(5, 180, 2).tolist()),
                str(draw.choice(list(labels[:-1]))),
                bool(draw.random() < 0.15),
            )
            for _ in range(int(draw.poisson(3)) if draw.random() < 0.8 else 0)
        ]
        answers = []
        for box in truths:
            for _ in range(int(draw.integers(0, 3))):
                moved = np.abs(np.array(box.box) * draw.normal(1, 0.08, 4)).tolist()
                label = box.label if draw.random() < 0.8 else str(draw.choice(list(labels)))
                answers.append(ScoredBox(tuple(moved), label, round(float(draw.beta(3, 2)), 1)))
        for _ in range(int(draw.poisson(3))):
            box = (*draw.uniform(0, 300, 2).tolist(), *draw.uniform(5, 180, 2).tolist())
            score = round(float(draw.beta(1, 3)), 1)
            answers.append(ScoredBox(box, str(draw.choice(list(labels))), score))
        found.append(answers)
        true.append(truths)
    return found, true


def library(found, true, labels):
    """pycocotools's own run from beginning to end, accumulated."""

    def held(rows):
        boxes = [(picture, box) for picture, row in enumerate(rows) for box in row]
        coco = COCO()
        coco.dataset = {
            "images": [{"id": picture} for picture in range(len(rows))],
            "categories": [{"id": place} for place in range(len(labels))],
            "annotations": [
                {
                    "id": at,
                    "image_id": picture,
                    "category_id": labels.index(box.label),
                    "bbox": list(box.box),
                    "area": box.box[2] * box.box[3],
                    "iscrowd": int(getattr(box, "difficult", False)),
                    "score": getattr(box, "score", 1.0),
                }
                for at, (picture, box) in enumerate(boxes, 1)
            ],
        }
        coco.createIndex()
        return coco

    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(held(true), held(found), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge
