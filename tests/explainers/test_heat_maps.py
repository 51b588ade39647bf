"""Heat maps as files: where they may be written, what they are called, what they show."""

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_pictures, tiny_vision

from journeyman.backbones.picture_inputs import Picture
from journeyman.errors import JourneymanError, ResourceError
from journeyman.explainers.heat_maps import LONGEST, SIDE, HeatMaps
from journeyman.explainers.overlay import AGAINST, FOR
from journeyman.types import PictureExplanation

HEAT = ((1.0, 0.0, -1.0),) * 3


def why(row_id, box=None):
    return PictureExplanation(row_id, "good", "m", "b", (), None, 0.0, heat=HEAT, box=box)


@pytest.fixture
def picture(tmp_path):
    (path,) = tiny_pictures(tmp_path / "pictures", count=1)
    return Picture(path)


@pytest.fixture
def backbone(tmp_path):
    return tiny_vision(tmp_path, image_size=64, resize="letterbox")


@pytest.fixture
def maps(tmp_path):
    return HeatMaps.into(tmp_path / "heat" / "maps", "image")


def test_a_heat_map_shows_its_weights_and_says_where_it_is(maps, backbone, picture):
    told = maps.keep(why("a1"), backbone, picture)
    assert told.heatmap == str(maps.folder / "a1.png")
    with Image.open(told.heatmap) as shown:
        assert (shown.format, max(shown.size)) == ("PNG", SIDE)
        pixels = np.asarray(shown.convert("RGB")).astype(int)
    row = pixels[pixels.shape[0] // 2]
    assert np.argmax(row[2]) == np.argmax(FOR)
    assert np.argmax(row[-3]) == np.argmax(AGAINST)
    middle = row[len(row) // 2]
    assert middle.max() - middle.min() <= 2
    assert [path.name for path in maps.folder.iterdir()] == ["a1.png"]


def test_the_box_that_is_explained_is_drawn_where_it_is(maps, backbone, picture):
    plain, boxed = (
        np.asarray(Image.open(maps.keep(why("a", box), backbone, picture).heatmap)).astype(int)
        for box in (None, (10.0, 9.0, 20.0, 18.0))
    )
    down, across = np.nonzero((plain != boxed).any(2))
    share = SIDE / 40  # The picture of 40 x 36 stands in the middle of a square, two rows lower.
    assert across.min() == pytest.approx(10 * share, abs=2)
    assert across.max() == pytest.approx(30 * share, abs=2)
    assert down.min() == pytest.approx((9 + 2) * share, abs=2)
    assert down.max() == pytest.approx((27 + 2) * share, abs=2)


IDS = [
    "a", "A", "a", "../../etc/passwd", "/etc/passwd", "cat/000.png", "cat_000.png", "", ".", "..",
    "-o", "a\0b", "a\nb", "x" * 500, "猫" * 300, "猫/1", "\ud800", "a:b", "C:\\a", "~", "a b",
]  # fmt: skip


def test_every_row_has_a_file_of_its_own_in_the_folder_whatever_its_id(maps, backbone, picture):
    kept = [maps.keep(why(row_id), backbone, picture).heatmap for row_id in IDS]
    names = sorted(path.name for path in maps.folder.iterdir())
    assert len({name.casefold() for name in names}) == len(IDS) == len(names)
    assert sorted(kept) == [str(maps.folder / name) for name in names]
    assert not any(name.startswith((".", "-")) for name in names)
    assert max(len(name.encode()) for name in names) <= 4 * LONGEST + len("-01234567.png")
    assert {"a.png", "A-2.png", "a-3.png", "cat_000.png.png"} <= set(names)


def test_the_same_id_has_the_same_name_in_another_sitting(tmp_path, backbone, picture):
    names = []
    for folder in ("one", "two"):
        maps = HeatMaps.into(tmp_path / folder, "image")
        names.append(maps.keep(why("cat/000.png"), backbone, picture).heatmap.split("/")[-1])
    assert names[0] == names[1]


def a_file(place):
    place.write_text("x")


def a_full_folder(place):
    place.mkdir()
    (place / "letter.txt").write_text("x")


@pytest.mark.parametrize(("make", "found"), [(a_file, "a file"), (a_full_folder, "letter.txt")])
def test_a_place_that_is_taken_is_told_and_left(tmp_path, make, found):
    make(tmp_path / "heat")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(JourneymanError, match="among other things") as caught:
        HeatMaps.into(tmp_path / "heat", "image")
    assert found in caught.value.found
    assert all([caught.value.place, caught.value.expected, caught.value.remedy])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_below_a_file_and_a_model_of_texts_are_told(tmp_path):
    a_file(tmp_path / "heat")
    with pytest.raises(ResourceError, match="cannot be written"):
        HeatMaps.into(tmp_path / "heat" / "maps", "image")
    with pytest.raises(JourneymanError, match="no heat maps"):
        HeatMaps.into(tmp_path / "words", "text")
    assert not (tmp_path / "words").exists()


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "heat").mkdir()
    assert HeatMaps.into(str(tmp_path / "heat"), "image").folder == tmp_path / "heat"
