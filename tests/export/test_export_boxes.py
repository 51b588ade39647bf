"""Boxes in other programs' formats: what is written, what reads it back, and what is refused."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from journeyman.data.boxes import boxes_of
from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.data.readers.registry import read
from journeyman.data.record import Record
from journeyman.errors import JourneymanError, ResourceError
from journeyman.export.base import EXPORTS, export_boxes
from journeyman.types import BoxesPrediction, ScoredBox

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))

from picture_files import save

LABELS = ("dog", "cat", "a bird")
FOUND = (
    ScoredBox((2.0, 3.0, 8.0, 6.0), "cat", 0.91),
    ScoredBox((10.5, 4.25, 6.0, 12.0), "a bird", 0.125),
)


@pytest.fixture
def asked(tmp_path):
    """Two answers and the paths of their pictures, which stand in two folders."""
    paths = [save(tmp_path / "in" / name, at) for at, name in enumerate(("x/1.png", "y/1.png"))]
    return [BoxesPrediction("x/1", FOUND), BoxesPrediction("y/1", ())], paths


def rows_of(source, **options):
    events = read(source, DataOptions(train=str(source), **options))
    return [event.values for event in events if isinstance(event, Record)]


def test_coco_is_read_back(asked, tmp_path):
    predictions, pictures = asked
    place = tmp_path / "in" / "found.json"
    export_boxes("coco", predictions, pictures, LABELS, place)
    said = json.loads(place.read_text())
    assert said["categories"] == [{"id": at, "name": name} for at, name in enumerate(LABELS, 1)]
    assert [image["file_name"] for image in said["images"]] == ["x/1.png", "y/1.png"]
    assert [image["row"] for image in said["images"]] == ["x/1", "y/1"]
    assert [(each["category_id"], each["score"]) for each in said["annotations"]] == [
        (2, 0.91), (3, 0.125),
    ]  # fmt: skip
    rows = rows_of(place)
    assert [row["image"] for row in rows] == list(map(str, pictures))
    assert [(box.box, box.label) for box in boxes_of(rows[0]["boxes"])] == [
        (box.box, box.label) for box in FOUND
    ]
    assert rows[1]["boxes"] == []


@pytest.mark.parametrize(
    ("ids", "numbers"),
    [(("31", "7"), [31, 7]), (("31", "x"), [1, 2]), (("7", "7"), [1, 2]), (("٣", "4"), [1, 2])],
)
def test_an_image_has_the_number_of_its_row_where_all_are_numbers(asked, tmp_path, ids, numbers):
    _, pictures = asked
    predictions = [BoxesPrediction(each, FOUND[:1]) for each in ids]
    export_boxes("coco", predictions, pictures, LABELS, tmp_path / "x.json")
    said = json.loads((tmp_path / "x.json").read_text())
    assert [image["id"] for image in said["images"]] == numbers
    assert [each["image_id"] for each in said["annotations"]] == numbers


def test_pictures_elsewhere_have_whole_paths(asked, tmp_path):
    predictions, pictures = asked
    (tmp_path / "out").mkdir()
    export_boxes("coco", predictions, pictures, LABELS, tmp_path / "out" / "x.json")
    assert [row["image"] for row in rows_of(tmp_path / "out" / "x.json")] == list(
        map(str, pictures)
    )


def test_yolo_is_read_back(asked, tmp_path):
    predictions, pictures = asked
    place = tmp_path / "in" / "out"
    export_boxes("yolo", predictions, pictures, LABELS, place)
    assert (place / "classes.txt").read_text() == "dog\ncat\na bird\n"
    assert (place / "labels" / "y" / "1.txt").read_text() == ""
    lines = (place / "labels" / "x" / "1.txt").read_text().splitlines()
    assert lines[0] == "1 0.250000 0.300000 0.333333 0.300000 0.910000"
    (tmp_path / "in" / "x").rename(place / "x")
    (place / "images").mkdir()
    (place / "x").rename(place / "images" / "x")
    (row,) = rows_of(place)
    for read_back, box in zip(boxes_of(row["boxes"]), FOUND, strict=True):
        assert read_back.box == pytest.approx(box.box, abs=1e-3)
        assert read_back.label == box.label


def test_pictures_are_drawn_where_the_boxes_are(tmp_path):
    Image.new("RGB", (900, 700), "#808080").save(tmp_path / "a.png")
    Image.new("RGB", (90, 70), "#808080").save(tmp_path / "b.jpg")
    big = ScoredBox((300.0, 200.0, 250.0, 300.0), "dog", 0.5)
    small = ScoredBox((30.0, 20.0, 25.0, 30.0), "dog", 0.5)
    predictions = [BoxesPrediction("a", (big,)), BoxesPrediction("b", (small,))]
    place = tmp_path / "out"
    export_boxes("pictures", predictions, [tmp_path / "a.png", tmp_path / "b.jpg"], LABELS, place)
    with Image.open(place / "a.png") as opened:
        whole = np.asarray(opened.convert("RGB")).astype(int)
    assert whole.shape == (700, 900, 3)
    changed = (whole != 0x80).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert (columns[0], columns[-1]) == (299, 550)
    assert rows[-1] == 500
    assert 150 < rows[0] < 200
    assert not changed[210:490, 310:540].any()
    with Image.open(place / "b.jpg") as opened:
        assert opened.format == "JPEG"
        assert opened.size == (90 * 8, 70 * 8)


def test_classes_have_colours_of_their_own(tmp_path):
    Image.new("RGB", (800, 800), "white").save(tmp_path / "a.png")
    boxes = [ScoredBox((100.0, 200.0 + 150 * at, 300.0, 100.0), label, 0.9)
             for at, label in enumerate(LABELS)]  # fmt: skip
    export_boxes(
        "pictures", [BoxesPrediction("a", tuple(boxes))], [tmp_path / "a.png"], LABELS,
        tmp_path / "out",
    )  # fmt: skip
    with Image.open(tmp_path / "out" / "a.png") as opened:
        edges = {opened.getpixel((101, 250 + 150 * at)) for at in range(3)}
    assert len(edges - {(255, 255, 255), (0, 0, 0)}) == 3


SIZES = [(1, 1), (3, 500), (9, 9), (3000, 40), (2000, 1500)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("label", ["dog", "猫", "a\nvery long " + "label " * 30, "😀"])
def test_any_size_and_label_can_be_drawn(tmp_path, size, label):
    Image.new("RGB", size).save(tmp_path / "a.png")
    width, height = map(float, size)
    boxes = ((0.0, 0.0, width, height), (width - 1, height - 1, 1.0, 1.0), (0.0, 0.0, 0.5, 0.5))
    answer = BoxesPrediction("a", tuple(ScoredBox(box, label, 0.5) for box in boxes))
    export_boxes("pictures", [answer], [tmp_path / "a.png"], [label], tmp_path / "out")
    with Image.open(tmp_path / "out" / "a.png") as opened:
        assert max(opened.size) >= 640
        assert len(opened.convert("RGB").getcolors(1 << 24)) > 1


def test_a_picture_asked_twice_is_written_once_and_a_clash_is_told(tmp_path):
    first, second = save(tmp_path / "1.png", 0), save(tmp_path / "1.jpg", 1, "JPEG")
    twice = [BoxesPrediction("a", FOUND), BoxesPrediction("a-1", FOUND)]
    export_boxes("yolo", twice, [first, first], LABELS, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == ["1.txt"]
    with pytest.raises(JourneymanError, match="written as one"):
        export_boxes("yolo", twice, [first, second], LABELS, tmp_path / "other")
    assert not (tmp_path / "other").exists()


MISTAKES = {
    "an unknown format": ({"format": "koko"}, "no export format named 'koko'"),
    "a label too many": ({"labels": ("dog", "cat")}, "a label that the model lacks"),
    "a picture too few": ({"pictures": []}, "Not every answer has a picture"),
    "a place that is taken": ({"place": "in"}, "would overwrite"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_cannot_be_written_is_told_and_nothing_is_left(asked, tmp_path, case):
    predictions, pictures = asked
    change, said = MISTAKES[case]
    told = {"format": "coco", "labels": LABELS, "pictures": pictures, "place": "out", **change}
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(JourneymanError, match=said) as caught:
        export_boxes(
            told["format"], predictions, told["pictures"], told["labels"], tmp_path / told["place"]
        )
    assert all((caught.value.place, caught.value.expected, caught.value.remedy))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("form", list(EXPORTS))
def test_a_picture_that_is_gone_leaves_nothing(asked, tmp_path, form):
    predictions, pictures = asked
    pictures[0].unlink()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(JourneymanError, match="no picture to read"):
        export_boxes(form, predictions, pictures, LABELS, tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("form", list(EXPORTS))
def test_a_folder_that_cannot_be_made_is_told(asked, tmp_path, form):
    predictions, pictures = asked
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResourceError, match="cannot be written"):
        export_boxes(form, predictions, pictures, LABELS, tmp_path / "file" / "out")


@pytest.mark.parametrize("form", list(EXPORTS))
def test_nothing_asked_writes_an_empty_export(tmp_path, form):
    export_boxes(form, [], [], LABELS, tmp_path / "out")
    assert (tmp_path / "out").exists()


def test_what_was_exported_can_be_collected_again(tmp_path):
    paths = [save(tmp_path / "p" / f"{at}.png", at) for at in range(20)]
    answers = [BoxesPrediction(str(at), FOUND) for at in range(20)]
    export_boxes("coco", answers, paths, LABELS, tmp_path / "found.json")
    made = collect(
        DataOptions(train=str(tmp_path / "found.json")), CollectOptions(),
        folder=tmp_path / "out", seed=0, kind="boxes",
    )  # fmt: skip
    assert sum(map(len, made.tables.values())) == 20
    assert made.findings == ()
