"""The baseline of boxes answers in each picture's own pixels, what is typical first."""

import numpy as np
import pytest
from detection_samples import true_box
from PIL import Image

from journeyman.backbones.picture_inputs import Picture
from journeyman.evaluation.baselines.base import BASELINES, suited_baselines
from journeyman.evaluation.detection import detection_score


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    sizes = [(200, 100), (100, 200)] * 10
    for at, size in enumerate(sizes):
        Image.new("RGB", size).save(folder / f"{at}.png")
    return [Picture(folder / f"{at}.png") for at in range(len(sizes))]


def targets(pictures):
    """One `a` always in the same quarter, `b` in half of the pictures, `c` never twice alike."""
    draw = np.random.default_rng(0)
    rows = []
    for at, picture in enumerate(pictures):
        width, height = picture.sides()
        row = [true_box((width / 2, height / 2, width / 2.1, height / 2.1))]
        if at % 2:
            row.append(true_box((0, 0, width / 3, height / 3), "b"))
        x, y = draw.uniform(0, 0.9, 2)
        row.append(true_box((x * width, y * height, width / 40, height / 40), "c"))
        row.append(true_box((0, 0, 9, 9), "d", difficult=True))
        rows.append(row)
    return rows


def test_what_is_typical_is_found_without_looking(pictures):
    rows = targets(pictures)
    assert "typical_boxes" in suited_baselines("boxes", pictures, rows)
    answers = [
        BASELINES["typical_boxes"]("boxes", 3).fit(pictures[:10], rows[:10], ([], [])).predict(
            pictures[10:]
        )
        for _ in range(2)
    ]  # fmt: skip
    assert answers[0] == answers[1]
    for picture, boxes in zip(pictures[10:], answers[0], strict=True):
        width, height = picture.sides()
        assert boxes[0].label == "a"
        assert boxes[0].box == pytest.approx((width / 2, height / 2, width / 2.1, height / 2.1))
        assert boxes[0].score == 1.0
        assert [b.score for b in boxes] == sorted((b.score for b in boxes), reverse=True)
        assert next(b for b in boxes if b.label == "b").score == 0.5
        assert not any(b.label == "d" for b in boxes)
    plain = [[box for box in row if box.label in "ab"] for row in rows[10:]]
    assert detection_score(answers[0], plain, ["a", "b", "c", "d"], "map") > 0.7


def test_without_boxes_it_finds_none(pictures):
    fitted = BASELINES["typical_boxes"]("boxes").fit(pictures[:3], [[], [], []], ([], []))
    assert fitted.predict(pictures[:2]) == [[], []]
    assert fitted.predict([]) == []
