"""Datasets of boxes: one out of an archive with lists of its own, one drawn on the spot."""

import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from catalogue_entries import pin
from PIL import Image
from sklearn.datasets import load_digits

from journeyman.catalogue import datasets
from journeyman.catalogue.converters.digit_scenes import (
    HEIGHT,
    LARGEST,
    MOST,
    OVERLAP,
    WIDTH,
    convert_digit_scenes,
)
from journeyman.catalogue.converters.grounds import drawn_ground
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.catalogue.entry import DatasetEntry, dataset_entries
from journeyman.catalogue.fetch import fetch
from journeyman.errors import FetchError

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))

from box_files import voc


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def entry_of(converter, content, name, source, **said):
    return DatasetEntry(
        name="tiny", what="tiny", licence="MIT", task="object-detection", language="none",
        sources=[source], files=[{"path": name, **pin(content)}], converter=converter,
        columns={"image": "image", "boxes": "boxes", "id": "id"}, **said,
    )  # fmt: skip


def test_an_archive_of_voc_keeps_its_splits(tmp_path, monkeypatch):
    voc(tmp_path / "BOXES", lists={"train": "ba", "val": "c"})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(tmp_path / "BOXES", "BOXES")
    (tmp_path / "data" / "tiny").mkdir(parents=True)
    (tmp_path / "data" / "tiny" / "x.tar.gz").write_bytes(buffer.getvalue())
    entry = entry_of(
        "voc_archive", buffer.getvalue(), "x.tar.gz", {"kind": "folder", "folder": "tiny"},
        options={"folder": "BOXES", "lists": {"train": "train", "validation": "val"}},
        splits={"train": "t.jsonl", "validation": "v.jsonl"},
    )  # fmt: skip
    monkeypatch.setenv("JOURNEYMAN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(datasets, "dataset_entries", lambda: {"tiny": entry})
    found = resolve_dataset("tiny", progress=False)
    train = rows(found.files["train"])
    assert [row["id"] for row in train] == ["b", "a"]
    assert train[1]["boxes"][1] == {
        "box": [10.0, 4.0, 6.0, 12.0], "label": "dog", "difficult": True,
    }  # fmt: skip
    assert rows(found.files["validation"])[0]["boxes"] == []
    folder = found.files["train"].parent
    assert (folder / train[0]["image"]).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == [
        "pictures", "receipt.json", "t.jsonl", "v.jsonl",
    ]  # fmt: skip
    assert found.columns == {"image": "image", "boxes": "boxes", "id": "id"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A part of the entry's set: 12 and 6 pictures of the digits that scikit-learn has."""
    return drawn_into(tmp_path_factory.mktemp("scenes"))


def drawn_into(out, seed=7):
    said = dataset_entries()["scenes"].model_copy(
        update={"options": {"seed": seed, "pictures": {"train": 12, "test": 6}}}
    )
    from importlib import resources

    raw = out / "raw"
    raw.mkdir()
    held = resources.files("sklearn.datasets.data").joinpath("digits.csv.gz").read_bytes()
    (raw / "digits.csv.gz").write_bytes(held)
    (out / "made").mkdir()
    convert_digit_scenes(raw, out / "made", said)
    return out / "made"


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [path.relative_to(folder).as_posix().encode() + path.read_bytes() for path in files]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def test_scenes_are_the_same_bytes_each_time(drawn, tmp_path):
    assert digest(drawn_into(tmp_path)) == digest(drawn)
    (tmp_path / "other").mkdir()
    assert digest(drawn_into(tmp_path / "other", seed=8)) != digest(drawn)


def test_scenes_hold_what_they_say(drawn):
    held = [row for split in ("train", "test") for row in rows(drawn / f"{split}.jsonl")]
    assert [len(rows(drawn / f"{split}.jsonl")) for split in ("train", "test")] == [12, 6]
    assert len({row["id"] for row in held}) == 18
    for row in held:
        with Image.open(drawn / row["image"]) as picture:
            assert picture.size == (WIDTH, HEIGHT)
        boxes = [each["box"] for each in row["boxes"]]
        assert 1 <= len(boxes) <= MOST
        for at, (x, y, wide, high) in enumerate(boxes):
            assert 0 <= x <= x + wide <= WIDTH
            assert 0 <= y <= y + high <= HEIGHT
            assert 6 <= high <= LARGEST
            for other in boxes[:at]:
                across = min(x + wide, other[0] + other[2]) - max(x, other[0])
                down = min(y + high, other[1] + other[3]) - max(y, other[1])
                least = min(wide * high, other[2] * other[3])
                assert max(across, 0) * max(down, 0) <= OVERLAP * least
    assert {each["label"] for row in held for each in row["boxes"]} <= set("0123456789")


def test_the_boxes_of_scenes_are_tight(drawn, monkeypatch):
    """The picture differs from its ground inside the boxes alone, and up to their edges."""
    from journeyman.catalogue.converters import digit_scenes

    grounds = []

    def kept(*said):
        grounds.append(drawn_ground(*said))
        return grounds[-1].copy()

    monkeypatch.setattr(digit_scenes, "drawn_ground", kept)
    images = load_digits().images / 16
    digits = [digit_scenes._Digit(image, "1") for image in images[:40]]
    random = np.random.default_rng(3)
    for _ in range(8):
        pixels, boxes = digit_scenes._scene(digits, random)
        changed = np.abs(pixels - grounds[-1]).max(axis=2) > 1
        for x, y, wide, high in (each["box"] for each in boxes):
            part = changed[y : y + high, x : x + wide]
            assert part[0].any()
            assert part[-1].any()
            assert part[:, 0].any()
            assert part[:, -1].any()
            changed[y : y + high, x : x + wide] = False
        assert not changed.any()


def test_no_digit_of_one_split_is_in_another(drawn, monkeypatch, tmp_path):
    from journeyman.catalogue.converters import digit_scenes

    used = []

    def noted(out, split, count, digits, random):
        used.append({digit.ink.tobytes() for digit in digits})
        return []

    monkeypatch.setattr(digit_scenes, "_rows", noted)
    drawn_into(tmp_path)
    first, second = used
    whole = {image.tobytes() for image in load_digits().images / 16}
    assert first | second == whole
    assert len(first) > 1.9 * len(second)
    twins = len(load_digits().images) - len(whole)
    assert len(first & second) <= twins


def test_the_file_of_an_installed_library_is_checked(tmp_path):
    with_digits = dataset_entries()["scenes"]
    (pinned,) = with_digits.files
    from importlib import resources

    held = resources.files("sklearn.datasets.data").joinpath("digits.csv.gz").read_bytes()
    assert (len(held), hashlib.sha256(held).hexdigest()) == (pinned.size, pinned.sha256)
    assert len(gzip.decompress(held).splitlines()) == len(load_digits().target)


SOURCES = {
    "another content": ({"module": "sklearn.datasets.data"}, "pinned is"),
    "no such file": ({"module": "json"}, "json has no file digits.csv.gz"),
    "no such module": ({"module": "nothing_of_the_kind"}, "no module nothing_of_the_kind"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_an_installed_library_that_lacks_the_file_is_told(case):
    source, said = SOURCES[case]
    entry = entry_of(
        "digit_scenes", b"other", "digits.csv.gz", {"kind": "installed", **source},
        options={"seed": 1, "pictures": {"train": 1}}, splits={"train": "t.jsonl"},
    )  # fmt: skip
    with pytest.raises(FetchError) as caught:
        fetch(entry, progress=False)
    assert said in caught.value.found
    assert "install the version" in caught.value.remedy
