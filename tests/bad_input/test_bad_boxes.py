"""Broken files of boxes: one mistake told completely, through the command that looks at them."""

import json

import pytest
from asking import ask, check_refusal, files_of
from test_bad_pictures import content, put


def picture():
    return {"set/a.png": content(1)}


def said(**lists):
    whole = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []}
    return json.dumps({**whole, **lists}).encode()


XML = b"<annotation><object><name>x</name></object></annotation>"
FILES = {
    "coco: cut off": ({"set/x.json": said()[:60]}, "set/x.json", ("laid out as COCO's", "no JSON")),
    "coco: a category without a name": (
        {"set/x.json": said(categories=[{"id": 1}])}, "set/x.json", ("the category", "a name"),
    ),
    "coco: two categories of an id": (
        {"set/x.json": said(categories=[{"id": 1, "name": name} for name in "ab"])}, "set/x.json",
        ("two categories of the id 1",),
    ),
    "coco: boxes that are no list": (
        {"set/x.json": said(annotations={"a": 1})}, "set/x.json", ("annotations that is no list",),
    ),
    "voc: no annotations": (
        {"set/Annotations/readme.md": b"x", "set/JPEGImages/a.png": b"x"}, "set",
        ("nothing to read", "no XML file"),
    ),
    "voc: an empty list": (
        {"set/Annotations/a.xml": XML, "set/ImageSets/Main/train.txt": b"\n"}, "set",
        ("nothing to read", "empty list train"),
    ),
    "voc: all broken": (
        {"set/Annotations/a.xml": XML, "set/JPEGImages/a.png": b"x"}, "set",
        ("does not read as rows", "0 rows and 1 lines"),
    ),
    "yolo: no pictures where they should be": (
        {"set/data.yaml": b"names: [a]\ntrain: nowhere\n", **picture()}, "set",
        ("no pictures to read", "nowhere"),
    ),
    "yolo: no part": (
        {"set/data.yaml": b"names: [a]\ntrain:\n", **picture()}, "set", ("no part in data.yaml",),
    ),
    "yolo: another part": (
        {"set/data.yaml": b"names: [a]\ntrain: .\n", **picture()}, "set#dev",
        ("no part 'dev'", "set#train"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_init_of_a_broken_set_of_boxes(tmp_path, monkeypatch, case):
    files, source, parts = FILES[case]
    put(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    before = files_of(tmp_path)
    check_refusal(ask("init", source, "-o", "new.yaml"), source.partition("#")[0], *parts)
    assert files_of(tmp_path) == before


FORMATS = {
    "coco: a list of results": ("coco", {"set/x.json": b'[{"image_id": 1}]'}, "set/x.json"),
    "coco: rows": ("coco", {"set/x.json": b'{"image": "a.png"}'}, "set/x.json"),
    "coco: a folder": ("coco", picture(), "set"),
    "voc: a file": ("voc", {"set/x.json": said()}, "set/x.json"),
    "voc: other folders": ("voc", picture(), "set"),
    "yolo: a file": ("yolo", {"set/x.json": said()}, "set/x.json"),
    "yolo: other folders": ("yolo", picture(), "set"),
}


@pytest.mark.parametrize("case", FORMATS)
def test_a_format_that_the_source_does_not_have(tmp_path, case):
    from journeyman.data.options import DataOptions
    from journeyman.data.readers.registry import read
    from journeyman.errors import DataError

    form, files, source = FORMATS[case]
    put(tmp_path, files)
    place = str(tmp_path / source)
    with pytest.raises(DataError) as caught:
        list(read(place, DataOptions(train=place, format=form)))
    told = caught.value
    assert all((told.problem, told.place, told.expected, told.found, told.remedy))
