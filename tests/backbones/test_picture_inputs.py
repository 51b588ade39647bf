"""Pictures stay on disk; their keys are of what is in the file and of the view."""

import copy
import pickle
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny_pictures, tiny_vision

from journeyman.backbones.picture_inputs import COST, Picture, PictureInputs
from journeyman.backbones.preprocessing import Preprocessing
from journeyman.backbones.views import CHANGES, seen, view_name, with_kind
from journeyman.errors import DataError, JourneymanError

PLAIN = Preprocessing(36, 40)


@pytest.fixture
def pictures(tmp_path):
    return tiny_pictures(tmp_path)


def test_keys_tell_apart_content_and_view_and_nothing_else(pictures, tmp_path):
    same = tmp_path / "same.png"
    shutil.copy(pictures[0], same)
    rows = [*map(Picture, pictures), Picture(same), *(Picture(same, f"flip:{i}") for i in (1, 2))]
    inputs = PictureInputs(rows, PLAIN)
    keys = inputs.keys
    assert keys[0] == keys[3]
    assert len(set(keys)) == 5
    assert all(len(key) == 16 for key in keys)
    assert inputs.lengths.tolist() == [COST] * 6
    chosen = inputs.select(np.array([4, 0]))
    assert chosen.pictures == [rows[4], rows[0]]
    for path in (*pictures, same):
        path.unlink()
    assert chosen.keys == [keys[4], keys[0]]


def test_a_picture_is_a_path_with_a_view():
    plain, flipped = Picture("a.png"), Picture("a.png", "flip:1")
    assert plain == "a.png"
    assert len({plain, flipped, Picture("a.png"), Picture("a.png", "flip:1")}) == 2
    assert plain != flipped
    for twin in (copy.deepcopy(flipped), pickle.loads(pickle.dumps(flipped))):
        assert (twin, twin.view) == (flipped, "flip:1")


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_a_file_that_is_no_picture_is_told(content, pictures, tmp_path):
    odd = tmp_path / "odd.png"
    if content is not None:
        odd.write_bytes(content)
    inputs = PictureInputs(
        [Picture(pictures[0]), Picture(odd)], Preprocessing(8, 8, resized=(8, 8))
    )
    with pytest.raises(DataError, match="picture") as caught:
        inputs.pixels()
    assert str(odd) in caught.value.place
    if content is None:
        with pytest.raises(DataError):
            _ = inputs.keys


def test_pixels_are_those_of_the_view(pictures):
    flip = next(v for v in (f"flip:{i}" for i in range(9)) if changes(pictures[0], v))
    inputs = PictureInputs([Picture(pictures[0]), Picture(pictures[0], flip)], PLAIN)
    plain, flipped = inputs.pixels()
    assert plain.shape == (3, 36, 40)
    assert torch.equal(plain.flip(2), flipped)
    assert plain.min() >= -1
    assert plain.max() <= 1
    assert PictureInputs([], PLAIN).pixels().shape == (0, 3, 36, 40)


def changes(path, view):
    with Image.open(path) as image:
        return seen(image, view).tobytes() != image.tobytes()


@pytest.mark.parametrize("kinds", [[kind] for kind in CHANGES] + [list(CHANGES)])
def test_a_view_is_the_same_whenever_it_is_looked_at(kinds, pictures):
    with Image.open(pictures[0]) as image:
        made = [seen(image, view_name(kinds, seed)) for seed in range(12)]
        again = [seen(image, view_name(kinds, seed)) for seed in range(12)]
        untouched = image.tobytes()
    assert [one.tobytes() for one in made] == [two.tobytes() for two in again]
    different = {one.tobytes() for one in made}
    assert len(different) == {"flip": 2, "mirror": 1}.get("+".join(kinds), 12)
    assert (untouched in different) == (kinds == ["flip"])
    assert all(one.mode == "RGB" for one in made)
    assert all((one.width == one.height) == ("crop" in kinds) for one in made)


def test_views_are_pinned(pictures):
    """A cached view must not change under its name."""
    with Image.open(pictures[0]) as image:
        assert seen(image, "crop:3").size == (25, 25)
        assert [changes(pictures[0], f"flip:{i}") for i in range(6)] == [1, 0, 0, 1, 0, 0]


def test_names_of_views():
    assert view_name(["flip", "crop", "flip"], 17) == "crop+flip:17"
    assert view_name([], 17) == ""
    with pytest.raises(JourneymanError, match="no such view"):
        view_name(["turn"], 1)
    image = Image.new("RGB", (4, 4))
    assert seen(image, "") is image
    for wrong in ("crop", "crop:", "turn:1", "crop:x", ":1"):
        with pytest.raises(JourneymanError, match="no such view"):
            seen(image, wrong)
    assert seen(Image.new("RGB", (1, 1)), "crop+flip+colour:5").size == (1, 1)


def test_a_mirror_image_has_one_name_and_other_kinds_keep_their_seed():
    assert with_kind("", "mirror", 17) == "mirror:0"
    assert with_kind(with_kind("", "mirror", 17), "crop", 4) == "crop+mirror:4"
    assert with_kind(with_kind("", "crop", 17), "mirror", 4) == "crop+mirror:17"
    assert with_kind("crop:17", "flip", 4) == "crop+flip:17"


def test_a_view_has_features_of_its_own(pictures, tmp_path):
    backbone = tiny_vision(tmp_path)
    inputs = backbone.prepare([Picture(pictures[0]), Picture(pictures[0], "crop+colour:1")])
    plain, changed = backbone.frozen(inputs, 2).hidden
    assert not torch.allclose(plain, changed, atol=1e-3)
