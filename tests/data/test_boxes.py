"""The cell of boxes, and what is mended of them once the picture's size is known."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from journeyman.data.box_mending import boxed, mended, turned
from journeyman.data.boxes import boxes_of, cell_of, looks_like_boxes
from journeyman.data.pictures import (
    PictureError,
    PictureFacts,
    picture_facts,
    picture_size,
    read_picture,
)
from journeyman.data.record import Noticed, Record
from journeyman.errors import DataError
from journeyman.types import LabelledBox

CELL = [{"box": [1, 2, 3, 4], "label": " cat "}, {"box": [0.5, 0, 9, 9], "label": 7}]
READ = (LabelledBox((1.0, 2.0, 3.0, 4.0), "cat"), LabelledBox((0.5, 0.0, 9.0, 9.0), "7"))


@pytest.mark.parametrize("cell", [CELL, tuple(CELL), json.dumps(CELL)])
def test_a_list_or_its_text(cell):
    assert boxes_of(cell) == READ
    assert boxes_of(cell_of(READ)) == READ


@pytest.mark.parametrize("cell", [None, "", "  ", [], "[]", "null"])
def test_a_picture_with_nothing_in_it(cell):
    assert boxes_of(cell) == ()


def test_a_difficult_box_is_read_and_written():
    (box,) = boxes_of([{"box": [1, 1, 2, 2], "label": "x", "difficult": True}])
    assert box.difficult
    assert cell_of([box]) == [{"box": [1.0, 1.0, 2.0, 2.0], "label": "x", "difficult": True}]


BAD = {
    "no JSON": ("[{", "not JSON"),
    "a number": (5, "no list"),
    "an object": ({"box": [1, 2, 3, 4], "label": "x"}, "no list"),
    "a list of numbers": ([1, 2, 3, 4], "Box 1 is no object"),
    "no label": ([*CELL, {"box": [1, 2, 3, 4]}], "Box 3 has no label"),
    "an empty label": ([{"box": [1, 2, 3, 4], "label": " "}], "Box 1 has no label"),
    "three numbers": ([{"box": [1, 2, 3], "label": "x"}], "no four numbers"),
    "text": ([{"box": [1, 2, 3, "4"], "label": "x"}], "no four numbers"),
    "NaN": ('[{"box": [1, 2, 3, NaN], "label": "x"}]', "no four numbers"),
    "infinity": ([{"box": [1, 2, 3, float("inf")], "label": "x"}], "no four numbers"),
    "a huge number": ([{"box": [1, 2, 3, 10**400], "label": "x"}], "no four numbers"),
    "deep": ("[" * 100_000, "not JSON"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_box_is_told(case):
    cell, said = BAD[case]
    with pytest.raises(DataError, match=said) as caught:
        boxes_of(cell)
    assert all((caught.value.expected, caught.value.found, caught.value.remedy))


def test_a_column_of_boxes_is_known_by_its_cells():
    assert looks_like_boxes([[], CELL, None])
    assert looks_like_boxes([json.dumps(CELL), "[]"])
    assert not looks_like_boxes([[], []])
    assert not looks_like_boxes([["a", "b"]])
    assert not looks_like_boxes([CELL, "a text"])
    assert not looks_like_boxes([3, 4])


def box(*sides, label="x", difficult=False):
    return LabelledBox(tuple(map(float, sides)), label, difficult)


MENDED = {
    "inside": ([box(0, 0, 30, 20)], [box(0, 0, 30, 20)], ()),
    "negative sides": ([box(10, 10, -4, -5)], [box(6, 5, 4, 5)], ("swapped_boxes",)),
    "over the edge": ([box(-3, 4, 10, 30)], [box(0, 4, 7, 16)], ("clipped_boxes",)),
    "rounded over the edge": ([box(-0.25, 0, 10, 20)], [box(0, 0, 9.75, 20)], ()),
    "outside": ([box(40, 5, 6, 6), box(1, 1, 2, 2)], [box(1, 1, 2, 2)], ("empty_boxes",)),
    "a sliver left": ([box(29.5, 5, 9, 6)], [], ("empty_boxes",)),
    "no width": ([box(5, 5, 0, 6)], [], ("empty_boxes",)),
    "twice": ([box(1, 1, 5, 5), box(1, 1, 5, 5)], [box(1, 1, 5, 5)], ("repeated_boxes",)),
    "twice, one of them exchanged": (
        [box(1, 1, 5, 5), box(6, 6, -5, -5)], [box(1, 1, 5, 5)],
        ("swapped_boxes", "repeated_boxes"),
    ),
    "two labels": ([box(1, 1, 5, 5), box(1, 1, 5, 5, label="y")],) * 2 + ((),),
    "twice, once difficult": (
        [box(1, 1, 5, 5, difficult=True), box(1, 1, 5, 5)], [box(1, 1, 5, 5)], ("repeated_boxes",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MENDED)
def test_boxes_are_mended(case):
    said, kept, names = MENDED[case]
    assert mended(said, 30, 20) == (tuple(kept), names)


@given(
    st.lists(
        st.tuples(*[st.floats(-200, 200)] * 4, st.sampled_from("ab")).map(
            lambda each: box(*each[:4], label=each[4])
        ),
        max_size=6,
    )
)
def test_mended_boxes_lie_in_the_picture_and_mending_them_again_changes_nothing(boxes):
    kept, _ = mended(boxes, 90, 70)
    for each in kept:
        x, y, wide, high = each.box
        assert x >= 0
        assert y >= 0
        assert min(wide, high) >= 1
        assert x + wide <= 90 + 1e-9
        assert y + high <= 70 + 1e-9
    assert mended(kept, 90, 70) == (kept, ())
    assert len({(each.box, each.label) for each in kept}) == len(kept)


def marked(path, orientation):
    """A picture of 40 x 24 pixels with one bright rectangle at (4, 2), 12 x 6."""
    pixels = np.zeros((24, 40), dtype=np.uint8)
    pixels[2:8, 4:16] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def bright(path):
    found = np.asarray(read_picture(path).convert("L")) > 127
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return (columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_turn_as_exif_turns_the_picture(tmp_path, orientation):
    path = marked(tmp_path / "x.png", orientation)
    assert picture_size(path) == (24, 40)
    assert picture_facts(path).orientation == orientation
    assert turned((4, 2, 12, 6), orientation, (40, 24)) == bright(path)


@pytest.mark.parametrize("orientation", [1, 2, 3, 4])
def test_tags_that_keep_the_sides_keep_the_size(tmp_path, orientation):
    path = marked(tmp_path / "x.png", orientation)
    assert picture_size(path) == (40, 24)
    assert (picture_facts(path).width, picture_facts(path).orientation) == (40, orientation)


UNREAD = {"missing": None, "empty": b"", "no picture": b"x" * 99}


@pytest.mark.parametrize("case", UNREAD)
def test_the_size_of_what_is_no_picture(tmp_path, case):
    if UNREAD[case] is not None:
        (tmp_path / "x.png").write_bytes(UNREAD[case])
    with pytest.raises(PictureError) as caught:
        picture_size(tmp_path / "x.png")
    assert caught.value.name == ("no_picture" if UNREAD[case] is None else "bad_picture")


def events(stated, orientation=6, boxes=None, size=(24, 40)):
    facts = PictureFacts(*size, "0", 0, orientation)
    cell = boxes if boxes is not None else [{"box": [4, 2, 12, 6], "label": "x"}]
    return list(boxed([Record(3, {"boxes": cell, "n": 1}, facts, stated)], "boxes"))


def test_boxes_of_the_unrotated_picture_are_turned_and_told():
    told, record = events((40, 24))
    assert (told.name, told.row) == ("turned_boxes", 3)
    assert record.values == {"boxes": [{"box": [16.0, 4.0, 6.0, 12.0], "label": "x"}], "n": 1}


@pytest.mark.parametrize("stated", [None, (0, 0), (24, 40)])
def test_boxes_of_the_rotated_picture_are_left(stated):
    (record,) = events(stated)
    assert record.values["boxes"][0]["box"] == [4, 2, 12, 6]


def test_another_size_is_told_and_nothing_scaled():
    told, record = events((80, 48))
    assert told.name == "stated_size"
    assert "80 x 48 for 24 x 40" in told.detail
    assert record.values["boxes"][0]["box"] == [4, 2, 12, 6]
    unturned, _ = events((40, 24), orientation=1)
    assert unturned.name == "stated_size"


def test_each_kind_of_mending_is_told_once_a_row():
    cell = [{"box": [-9, 0, 20, 9], "label": label} for label in "abc"]
    *told, _ = events(None, boxes=[*cell, {"box": [9, 9, -3, 0], "label": "a"}])
    assert [event.name for event in told] == ["swapped_boxes", "clipped_boxes", "empty_boxes"]
    assert all(isinstance(event, Noticed) and event.row == 3 and event.action for event in told)
