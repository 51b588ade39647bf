"""Cells of a picture: which pixels are theirs, and how their weights are shown."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny_pictures, tiny_vision

from journeyman.explainers.overlay import AGAINST, FOR, data_uri, overlaid, sized
from journeyman.explainers.picture_question import CELLS, PictureQuestion, Scene
from journeyman.explainers.target import Target


@pytest.fixture
def question(tmp_path):
    (path,) = tiny_pictures(tmp_path / "pictures", count=1)
    scene = Scene.read(tiny_vision(tmp_path), str(path))
    return PictureQuestion("a", None, Target("good", (0,)), scene)


def test_a_blank_cell_is_blank_and_nothing_else_is(question):
    plain = question.whole.values[0]
    assert plain.abs().min() > 0
    variants = question.hidden([[], [0], [CELLS - 1], list(range(CELLS * CELLS))]).values
    assert torch.equal(variants[0], plain)
    for at, (rows, columns) in enumerate((("top", "left"), ("top", "right")), 1):
        gone = (variants[at] == 0).all(0).nonzero()
        kept = variants[at] != 0
        height, width = plain.shape[1:]
        assert gone[:, 0].max() < height / CELLS + 1, rows
        edge = gone[:, 1].max() if columns == "left" else width - 1 - gone[:, 1].min()
        assert edge < width / CELLS + 1, columns
        assert torch.equal(variants[at][kept], plain[kept])
    assert not variants[3].any()


def test_a_cell_has_the_attributions_of_its_own_pixels(question):
    shape = question.whole.values[0].shape
    shares = question.gathered(torch.ones(shape))
    assert shares.sum() == pytest.approx(np.prod(shape))
    one = torch.zeros(shape)
    one[:, 0, -1] = 2.0
    assert np.flatnonzero(question.gathered(one)).tolist() == [CELLS - 1]
    told = question.told(shares, "m", 0.0)
    assert told.weights == pytest.approx(shares.tolist())
    assert set(question.shown(told)) == {"text", "picture", "overlay"}


def test_colours_say_for_and_against_where_the_cells_are():
    grey = np.full((70, 140, 3), 128, dtype=np.uint8)
    heat = np.zeros((CELLS, CELLS))
    heat[:, 0], heat[:, -1] = 1.0, -1.0
    shown = np.asarray(overlaid(grey, heat)).astype(int)
    assert shown.shape[:2] == (84, 168)
    left, middle, right = shown[40, 2], shown[40, 84], shown[40, -3]
    assert abs(middle - 128).max() <= 1
    assert np.argmax(left) == np.argmax(FOR)
    assert np.argmax(right) == np.argmax(AGAINST)
    held = base64.b64decode(data_uri(sized(grey)).partition(",")[2])
    assert Image.open(io.BytesIO(held)).size == (168, 84)
