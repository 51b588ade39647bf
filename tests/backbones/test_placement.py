"""A box goes where its pixels go: through views, resizing, cropping and padding, and back."""

import numpy as np
import pytest
from PIL import Image

from journeyman.backbones.picture_inputs import Picture, PictureInputs
from journeyman.backbones.placement import Placement
from journeyman.backbones.preprocessing import Preprocessing

HOW = {
    "exact": Preprocessing(64, 64, resized=(64, 64)),
    "wide": Preprocessing(48, 96, resized=(48, 96)),
    "crop": Preprocessing(64, 64, shortest=80),
    "letterbox": Preprocessing(64, 64, resized=(64, 64), letterbox=True),
    "letterbox wide": Preprocessing(48, 96, letterbox=True),
}
VIEWS = [
    "",
    *(f"{kinds}:{seed}" for kinds in ("crop", "zoom", "flip", "zoom+flip") for seed in range(4)),
]
BOX = (60, 50, 110, 90)
SIZE = (160, 120)


@pytest.fixture
def path(tmp_path):
    """A white box on black."""
    image = Image.new("RGB", SIZE)
    image.paste((255, 255, 255), BOX)
    image.save(tmp_path / "box.png")
    return tmp_path / "box.png"


def white(pixels):
    """The corners of what is white, in shares."""
    rows, columns = np.nonzero(pixels[..., 0] > 190)
    height, width = pixels.shape[:2]
    top, bottom = rows.min() / height, (rows.max() + 1) / height
    return [columns.min() / width, top, (columns.max() + 1) / width, bottom]


@pytest.mark.parametrize("way", HOW)
@pytest.mark.parametrize("view", VIEWS)
def test_a_box_is_where_its_pixels_are(way, view, path):
    inputs = PictureInputs([Picture(path, view)], HOW[way])
    (placement,), (pixels,) = inputs.placements(), inputs.fitted()
    box = placement.boxes([BOX])
    if (box.clip(0, 1)[0, 2:] <= box.clip(0, 1)[0, :2]).any():
        assert not (pixels > 190).all(2).any()
        return
    assert box.clip(0, 1)[0] == pytest.approx(white(pixels), abs=1.2 / 48)
    assert placement.back.boxes(box)[0] == pytest.approx(BOX)


def test_a_letterbox_shows_the_whole_picture_in_its_shape(path):
    how = Preprocessing(64, 64, mean=(0.25, 0.5, 1.0), letterbox=True)
    pixels = PictureInputs([Picture(path)], how).fitted()[0]
    assert pixels[0, 0].tolist() == pixels[-1, -1].tolist() == [64, 128, 255]
    assert (pixels[8:56, 0] == 0).all()
    assert pixels[7, 5].tolist() == [64, 128, 255]
    left, top, right, bottom = white(np.where(pixels == [64, 128, 255], 0, pixels))
    assert (right - left) / (bottom - top) == pytest.approx(50 / 40, abs=0.1)


def test_boxes_follow_the_turn_that_exif_asks_for(path):
    image, exif = Image.open(path), Image.Exif()
    exif[0x0112] = 6
    turned = path.with_name("turned.jpg")
    image.save(turned, exif=exif, quality=95)
    inputs = PictureInputs([Picture(turned)], HOW["exact"])
    (placement,), (pixels,) = inputs.placements(), inputs.fitted()
    width = SIZE[1]
    upright = [width - BOX[3], BOX[0], width - BOX[1], BOX[2]]
    assert placement.boxes([upright])[0] == pytest.approx(white(pixels), abs=1.2 / 64)


def test_one_placement_after_another():
    first, second = Placement(2, 3, 4, 5), Placement(-1, 0.5, 10, 0)
    boxes = np.array([[1.0, 2.0, 3.0, 4.0]])
    there = first.then(second).boxes(boxes)
    assert there.tolist() == second.boxes(first.boxes(boxes)).tolist() == [[0.0, 5.5, 4.0, 8.5]]
    assert first.then(second).back.boxes(there) == pytest.approx(boxes)
    assert Placement().boxes(np.zeros((0, 4))).shape == (0, 4)
