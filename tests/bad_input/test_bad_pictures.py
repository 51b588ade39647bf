"""Bad pictures and folders of them: refused in words, row by row or as a whole."""

import io
import json

import pytest
from asking import ask, check_refusal, files_of
from PIL import Image

from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.errors import DataError


def content(colour, form="PNG"):
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").point(lambda v: v ^ colour).save(buffer, form)
    return buffer.getvalue()


def put(folder, files):
    for name, inside in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(inside)


def good():
    return {f"photos/{kind}/{n}.png": content(n * 2 + (kind == "b")) for kind in "ab"
            for n in range(15)}  # fmt: skip


FOLDERS = {
    "no classes": ({"photos/1.png": content(1)}, ("in no folder of a class",)),
    "splits": (
        {f"photos/{s}/a/1.png": content(1) for s in ("train", "test")},
        ("splits, not classes", "train: photos/train, test: photos/test"),
    ),
    "no pictures": ({"photos/a/x.txt": b"x"}, ("A folder was given", "subfolder of pictures")),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_init_of_a_folder_that_is_no_set_of_classes(tmp_path, monkeypatch, case):
    files, said = FOLDERS[case]
    put(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    before = files_of(tmp_path)
    check_refusal(ask("init", "photos", "-o", "new.yaml"), "photos", *said)
    assert files_of(tmp_path) == before


ROWS = {
    "an empty file": (b"", "bad_picture", "an empty file"),
    "a text": (b"no picture", "bad_picture", "no picture of a known format"),
    "cut off": (content(77)[:80], "bad_picture", "truncated"),
    "a page of HTML": (b"<!DOCTYPE html><html>not found</html>", "bad_picture", "known format"),
    "a PDF": (b"%PDF-1.4 x", "bad_picture", "known format"),
    "an SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "bad_picture", "known format"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_picture_costs_its_own_row(tmp_path, case):
    inside, name, said = ROWS[case]
    put(tmp_path, {**good(), "photos/a/bad one 坏.png": inside})
    folder = tmp_path / "out"
    made = collect(
        DataOptions(train=str(tmp_path / "photos")), CollectOptions(), folder=folder, seed=0
    )
    (text,) = (folder / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    line = json.loads(text)
    assert (line["name"], line["values"]["id"]) == (name, "a/bad one 坏.png")
    assert said in line["reason"]
    assert sum(map(len, made.tables.values())) == 30


def test_mostly_bad_pictures_are_an_error_that_says_why(tmp_path):
    put(tmp_path, {f"photos/{kind}/{n}.png": b"x" for kind in "ab" for n in range(5)})
    with pytest.raises(DataError, match="10 of 10 rows") as caught:
        collect(
            DataOptions(train=str(tmp_path / "photos")), CollectOptions(),
            folder=tmp_path / "out", seed=0,
        )  # fmt: skip
    assert "a picture that cannot be read: 10" in caught.value.found
