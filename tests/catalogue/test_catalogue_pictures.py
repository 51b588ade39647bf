"""Datasets of pictures: archives unpacked into the home, rows that name the files in them."""

import io
import json
import tarfile

import pytest
from catalogue_entries import pin

from journeyman.catalogue import datasets
from journeyman.catalogue.archive import ArchiveRefused, unpack_files
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.catalogue.entry import DatasetEntry, dataset_entries

PICTURES = {"a/1.png": b"one", "a/2.png": b"two", "b/1.png": b"three"}
TABLE = b"part,name,true,said\ntrain,a/1.png,cat,dog\ntrain,a/2.png,cat,cat\ntest,b/1.png,dog,\n"


def packed(files, **special):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, kind in special.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "elsewhere"
            archive.addfile(info)
    return buffer.getvalue()


@pytest.fixture
def resolved(tmp_path, monkeypatch):
    def make(raw, **said):
        folder = tmp_path / "data" / "tiny"
        folder.mkdir(parents=True)
        for name, content in raw.items():
            (folder / name).write_bytes(content)
        entry = DatasetEntry(
            name="tiny", what="tiny", licence="MIT", task="image-classification", language="none",
            sources=[{"kind": "folder", "folder": "tiny"}],
            files=[{"path": name, **pin(content)} for name, content in raw.items()],
            columns={"image": "image", "label": "label", "id": "id"}, **said,
        )  # fmt: skip
        monkeypatch.setenv("JOURNEYMAN_DATA", str(tmp_path / "data"))
        monkeypatch.setattr(datasets, "dataset_entries", lambda: {"tiny": entry})
        return resolve_dataset("tiny", progress=False)

    return make


def rows(found, split="train"):
    return [json.loads(line) for line in found.files[split].read_text("utf-8").splitlines()]


def test_a_table_of_labels(resolved):
    found = resolved(
        {"p.tar": packed(PICTURES), "t.csv": TABLE},
        converter="picture_table",
        options={
            "archive": "p.tar", "table": "t.csv", "split": "part", "file": "name", "label": "true",
            "others": {"noisy": "said"},
        },
        splits={"train": "train.jsonl", "test": "test.jsonl"},
    )  # fmt: skip
    assert [row["noisy"] for row in rows(found)] == ["dog", "cat"]
    (last,) = rows(found, "test")
    assert last == {"id": "b/1.png", "image": "pictures/b/1.png", "label": "dog", "noisy": "dog"}
    assert (found.files["test"].parent / last["image"]).read_bytes() == b"three"
    assert found.columns == {"image": "image", "label": "label", "id": "id"}


def test_a_folder_for_each_label(resolved):
    found = resolved(
        {"p.tar": packed(PICTURES)}, converter="picture_folders", splits={"train": "r.jsonl"}
    )
    assert [(row["id"], row["label"]) for row in rows(found)] == [
        ("a/1.png", "a"), ("a/2.png", "a"), ("b/1.png", "b"),
    ]  # fmt: skip


HOSTILE = {
    "outside": packed({"../a.png": b"x"}),
    "absolute": packed({"/a.png": b"x"}),
    "a link": packed({}, link=tarfile.SYMTYPE),
    "a device": packed({}, device=tarfile.CHRTYPE),
    "a name twice": packed({"a.png": b"x", "./a.png": b"y"}),
    "a file for a folder": packed({"a": b"x", "a/b.png": b"y"}),
    "no archive": b"nothing of the kind",
    "cut off": packed(PICTURES)[:600],
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused(tmp_path, case):
    (tmp_path / "p.tar").write_bytes(HOSTILE[case])
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveRefused):
        unpack_files(tmp_path / "p.tar", tmp_path / "out")
    assert not (tmp_path / "a.png").exists()


def test_the_entries_say_what_may_be_done_with_them():
    entries = dataset_entries()
    assert "NC" in entries["cifar10n"].licence
    assert "none stated" in entries["orl_faces"].licence
    assert {entries[name].columns.image for name in ("cifar10n", "orl_faces")} == {"image"}
