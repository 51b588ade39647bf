"""Folders of pictures that are asked about: any layout, each picture once, none lost."""

import os

import pytest
from picture_files import folder_of_classes, save

from journeyman.data.options import DataOptions
from journeyman.data.questions import questions_in
from journeyman.errors import DataError

COLUMNS = DataOptions(train="rows.csv", image="photo", label="kind", id="key")


def asked(folder):
    return list(questions_in(str(folder), COLUMNS))


def names(folder):
    return [row["key"] for row in asked(folder)]


def plain(folder):
    for name in ("b.png", "a.png"):
        save(folder / name, 1)
    return ["a.png", "b.png"]


def nested(folder):
    save(folder / "2024" / "june" / "x.jpg", 1, "JPEG")
    save(folder / "2024" / "y.png", 2)
    save(folder / "top.png", 3)
    return ["2024/june/x.jpg", "2024/y.png", "top.png"]


def classes(folder):
    folder_of_classes(folder, 1)
    return ["cat/000.png", "dog/000.png"]


def splits(folder):
    for split in ("train", "test"):
        folder_of_classes(folder / split, 1)
    return ["test/cat/000.png", "test/dog/000.png", "train/cat/000.png", "train/dog/000.png"]


def among_others(folder):
    plain(folder)
    for name in ("notes.txt", "data.csv", ".DS_Store", ".hidden.png", ".cache/c.png", "x.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    return ["a.png", "b.png"]


def unreadable(folder):
    save(folder / "a.png", 1)
    (folder / "b.png").write_bytes(b"no picture")
    (folder / "c.heic").write_bytes(b"x")
    (folder / "d.jpg").write_bytes(b"")
    return ["a.png", "b.png", "c.heic", "d.jpg"]


def a_dataset_of_boxes(folder):
    """YOLO's layout, whose own reader finds its pictures."""
    save(folder / "images" / "a.png", 1)
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    return ["images/a.png"]


@pytest.mark.parametrize(
    "make", [plain, nested, classes, splits, among_others, unreadable, a_dataset_of_boxes]
)
def test_every_picture_is_asked_about_once(tmp_path, make):
    folder = tmp_path / "my photos 照片"
    folder.mkdir()
    expected = make(folder)
    assert names(folder) == expected
    assert [row["photo"] for row in asked(folder)] == [str(folder / name) for name in expected]
    assert names(os.path.relpath(folder)) == expected


def test_a_split_of_a_folder_may_be_asked_about(tmp_path):
    splits(tmp_path)
    assert names(f"{tmp_path}#test") == ["cat/000.png", "dog/000.png"]


@pytest.mark.parametrize("others", [(), ("notes.txt", ".hidden.png")])
def test_a_folder_without_pictures_is_one_mistake(tmp_path, others):
    for name in others:
        (tmp_path / name).write_text("x")
    with pytest.raises(DataError, match="has no pictures") as caught:
        asked(tmp_path)
    assert caught.value.found == (", ".join(sorted(others)) or "an empty folder")
    assert all([caught.value.place, caught.value.expected, caught.value.remedy])


def test_a_model_of_texts_still_wants_a_file(tmp_path):
    plain(tmp_path)
    texts = DataOptions(train="rows.csv", text="text", label="kind")
    with pytest.raises(DataError):
        list(questions_in(str(tmp_path), texts))
