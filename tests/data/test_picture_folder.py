"""A folder of pictures as rows: its layouts, what is passed over, and what is told."""

import shutil

import pytest
from picture_files import folder_of_classes, save

from journeyman.data.ingest import content_hash
from journeyman.data.options import DataOptions
from journeyman.data.readers.registry import READERS, read, reader_for
from journeyman.data.record import Noticed, Record, Refused
from journeyman.data.sniff import sniff
from journeyman.errors import DataError


def events(source, **options):
    return list(read(source, DataOptions(train=str(source), **options)))


def rows(found):
    return [event.values for event in found if isinstance(event, Record)]


def test_each_subfolder_is_a_class(tmp_path):
    folder = folder_of_classes(tmp_path / "my photos 照片", 2, ("猫", "a dog"))
    found = rows(events(folder))
    assert [row["label"] for row in found] == ["a dog"] * 2 + ["猫"] * 2
    assert [row["id"] for row in found][::3] == ["a dog/000.png", "猫/001.png"]
    assert found[0]["image"] == str(folder / "a dog" / "000.png")
    named = rows(events(folder, image="path", label="animal", id="key"))
    assert set(named[0]) == {"path", "animal", "key"}


def test_nested_folders_belong_to_their_class_and_other_files_are_passed_over(tmp_path):
    folder = folder_of_classes(tmp_path / "photos", 1)
    save(folder / "cat" / "summer" / "x.jpg", 7, "JPEG")
    for name in (".DS_Store", "cat/notes.txt", "cat/.hidden.png", ".cache/a.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "empty").mkdir()
    save(folder / "astray.png", 9)
    found = events(folder)
    assert [row["id"] for row in rows(found)] == ["cat/000.png", "cat/summer/x.jpg", "dog/000.png"]
    noticed = [event.name for event in found if isinstance(event, Noticed)]
    assert noticed == ["no_picture_file"] * 4 + ["empty_class"]
    refused = [event for event in found if isinstance(event, Refused)]
    assert [(event.name, event.values["id"]) for event in refused] == [("no_target", "astray.png")]


def test_a_split_is_named_by_its_subfolder(tmp_path):
    for split in ("train", "test"):
        folder_of_classes(tmp_path / "photos" / split, 1)
    one, other = events(f"{tmp_path}/photos/train"), events(f"{tmp_path}/photos#train")
    assert rows(one) == rows(other)
    assert rows(one)[0]["id"] == "cat/000.png"


def split_layout(folder):
    for split in ("train", "val", "test"):
        folder_of_classes(folder / split, 1)


def no_classes(folder):
    save(folder / "a.png")


def odd_split(folder):
    folder_of_classes(folder, 1)
    return f"{folder}#dev"


LAYOUTS = {
    "splits": (
        split_layout,
        "holds splits",
        "train: SOURCE/train, test: SOURCE/test, validation: ",
    ),
    "no classes": (no_classes, "in no folder of a class", "subfolders"),
    "no such split": (odd_split, "no split 'dev'", "subfolders"),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_other_layouts_are_told(tmp_path, case):
    make, problem, remedy = LAYOUTS[case]
    source = make(tmp_path) or str(tmp_path)
    with pytest.raises(DataError, match=problem) as caught:
        events(source)
    told = caught.value
    assert all([told.place, told.expected, told.found])
    assert remedy.replace("SOURCE", source) in told.remedy


def test_a_class_may_be_called_like_a_split(tmp_path):
    folder = folder_of_classes(tmp_path, 1, ("train", "bus"))
    assert [row["label"] for row in rows(events(folder))] == ["bus", "train"]


def test_a_saved_dataset_and_a_folder_without_pictures_are_others(tmp_path):
    folder = folder_of_classes(tmp_path / "photos", 1)
    picture_folder = READERS["picture-folder"]
    options = DataOptions(train=str(folder))
    assert type(reader_for(str(folder), options)) is picture_folder
    (folder / "dataset_info.json").write_text("{}")
    assert type(reader_for(str(folder), options)) is READERS["saved"]
    (tmp_path / "other" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="A folder was given"):
        reader_for(str(tmp_path / "other"), options)


def test_linked_folders_are_followed_once(tmp_path):
    folder = folder_of_classes(tmp_path / "photos", 1)
    real = folder_of_classes(tmp_path / "elsewhere", 1, ("birds",))
    (folder / "bird").symlink_to(real / "birds")
    (folder / "cat" / "again").symlink_to(folder)
    assert [row["label"] for row in rows(events(folder))] == ["bird", "cat", "dog"]


def test_a_picture_that_moves_to_another_class_changes_the_hash(tmp_path):
    folder = folder_of_classes(tmp_path / "photos", 1)
    before = content_hash(str(folder))
    shutil.move(folder / "cat" / "000.png", folder / "cat" / "001.png")
    assert content_hash(str(folder)) != before


def test_sniffing_a_folder(tmp_path):
    seen = sniff(folder_of_classes(tmp_path / "photos", 3, ("1", "2|3")))
    assert (seen.format, seen.image, seen.label, seen.kind) == (
        "picture-folder", "image", "label", "label",
    )  # fmt: skip
    assert seen.classes == (("1", 3), ("2|3", 3))
    assert (seen.text, seen.label_separator) == (None, None)
    assert seen.to_options().image == "image"
