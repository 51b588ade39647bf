"""Mosaics: each area shows its picture, points go where pixels go, and the seed says it all."""

import copy
import pickle

import numpy as np
import pytest
from PIL import Image

from journeyman.backbones.mosaic import CUTS, PARTS, Mosaic
from journeyman.backbones.picture_inputs import Picture, PictureInputs
from journeyman.backbones.preprocessing import Preprocessing
from journeyman.errors import DataError, JourneymanError

COLOURS = [(230, 20, 20), (20, 230, 20), (20, 20, 230), (230, 230, 20)]
SIZES = [(80, 60), (60, 90), (40, 40), (200, 30)]
SEEDS = range(12)


@pytest.fixture
def parts(tmp_path):
    """Four pictures of one colour each, and of four shapes."""
    for at, (colour, size) in enumerate(zip(COLOURS, SIZES, strict=True)):
        Image.new("RGB", size, colour).save(tmp_path / f"{at}.png")
    return [Picture(tmp_path / f"{at}.png") for at in range(PARTS)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_pixel_is_of_the_picture_whose_area_it_is_in(parts, seed):
    mosaic = Mosaic.of(parts, seed)
    pixels = np.asarray(mosaic.decoded())
    assert pixels.shape == (60, 80, 3)
    seen = np.zeros((60, 80), dtype=int)
    for colour, area in zip(COLOURS, mosaic.areas(), strict=True):
        left, top, width, height = area.place
        seen[top : top + height, left : left + width] += 1
        assert (pixels[top : top + height, left : left + width] == colour).all()
    assert (seen == 1).all()
    across, down = mosaic.areas()[0].place[2:]
    assert CUTS[0] * 80 - 1 <= across <= CUTS[1] * 80 + 1
    assert CUTS[0] * 60 - 1 <= down <= CUTS[1] * 60 + 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_frame_lies_in_its_picture_and_keeps_its_shape(parts, seed):
    mosaic = Mosaic.of(parts, seed)
    for part, area in zip(parts, mosaic.areas(), strict=True):
        left, top, width, height = area.frame
        assert min(left, top) >= 0
        assert left + width <= part.sides()[0] + 1e-6
        assert top + height <= part.sides()[1] + 1e-6
        across, down = area.place[2] / width, area.place[3] / height
        assert across == pytest.approx(down)


def test_points_go_where_their_pixels_go(tmp_path):
    """A white square in each of four dark pictures is found where its corners are said to be."""
    corners = np.array([[30.0, 20.0, 60.0, 44.0]])
    for at in range(PARTS):
        pixels = np.full((64, 90, 3), 10 * at, dtype=np.uint8)
        pixels[20:44, 30:60] = 255
        Image.fromarray(pixels).save(tmp_path / f"{at}.png")
    parts = [Picture(tmp_path / f"{at}.png") for at in range(PARTS)]
    looked_at = 0
    for seed in SEEDS:
        mosaic = Mosaic.of(parts, seed)
        pixels = np.asarray(mosaic.decoded()).astype(int)[..., 0]
        for area in mosaic.areas():
            within = area.within.boxes(corners)
            if within.min() < 0 or within.max() > 1:
                continue
            left, top, width, height = area.place
            rows, columns = np.nonzero(pixels[top : top + height, left : left + width] > 140)
            found = columns.min() + left, rows.min() + top, columns.max() + left, rows.max() + top
            said = area.whole.boxes(within)[0] - [0, 0, 1, 1]
            assert np.abs(said - found).max() <= 1.5
            looked_at += 1
    assert looked_at >= 8


def test_things_are_of_many_sizes(parts):
    scales = [
        area.place[2] / area.frame[2]
        for seed in range(60)
        for area in Mosaic.of([parts[0]] * PARTS, seed).areas()
    ]
    assert min(scales) < 0.4
    assert max(scales) > 0.95
    assert max(scales) <= 1 + 1e-9


def test_the_key_is_of_the_four_files_the_seed_and_the_view(parts, tmp_path):
    other = tmp_path / "other.png"
    Image.new("RGB", SIZES[0], (1, 2, 3)).save(other)
    same = tmp_path / "same.png"
    same.write_bytes((tmp_path / "0.png").read_bytes())
    rows = [
        Mosaic.of(parts, 1),
        Mosaic.of(parts, 2),
        Mosaic.of([Picture(other), *parts[1:]], 1),
        Mosaic.of([*parts[1:], parts[0]], 1),
        Mosaic.of(parts, 1).seen_as("flip:3"),
        parts[0],
    ]
    how = Preprocessing(32, 32, resized=(32, 32))
    keys = PictureInputs(rows, how).keys
    assert len(set(keys)) == len(rows)
    again = [Mosaic.of([Picture(same), *parts[1:]], 1), Mosaic.of(parts, 1, "flip:3")]
    assert PictureInputs(again, how).keys == [keys[0], keys[4]]
    assert len(set(rows)) == len(rows)


def test_a_backbone_reads_a_mosaic_and_its_views_as_any_picture(parts):
    how = Preprocessing(32, 32, resized=(32, 32))
    plain = Mosaic.of(parts, 5)
    one, other = PictureInputs([plain, plain.seen_as("mirror:0")], how).fitted()
    assert one.shape == (32, 32, 3)
    assert np.abs(one.astype(int) - other[:, ::-1].astype(int)).max() <= 40
    assert not np.array_equal(one, other)
    assert plain.thumbnail(8).shape == (8, 8, 3)
    assert len(PictureInputs([plain], how).placements()) == 1


def test_a_mosaic_goes_to_another_process_whole(parts):
    mosaic = Mosaic.of(parts, 7, "flip:1")
    for twin in (copy.deepcopy(mosaic), pickle.loads(pickle.dumps(mosaic))):
        assert (twin, twin.view, twin.digest) == (mosaic, "flip:1", mosaic.digest)
        assert np.array_equal(twin.decoded(), mosaic.decoded())


def test_pictures_of_a_pixel_have_mosaics(tmp_path):
    Image.new("RGB", (1, 1), "red").save(tmp_path / "a.png")
    Image.new("RGB", (3000, 1), "blue").save(tmp_path / "b.png")
    dot, line = Picture(tmp_path / "a.png"), Picture(tmp_path / "b.png")
    for seed in SEEDS:
        assert Mosaic.of([dot] * PARTS, seed).decoded().size == (2, 2)
        assert Mosaic.of([line, dot, line, dot], seed).decoded().size == (3000, 2)
        assert Mosaic.of([dot, line, line, dot], seed).decoded().size == (2, 2)


def test_three_pictures_and_a_lost_one_are_told(parts, tmp_path):
    with pytest.raises(JourneymanError, match="four pictures"):
        Mosaic.of(parts[:3], 1)
    with pytest.raises(DataError, match="no picture to read"):
        Mosaic.of([*parts[:3], Picture(tmp_path / "gone.png")], 1)
