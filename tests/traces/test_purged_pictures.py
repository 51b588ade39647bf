"""Pictures of a run that are to be forgotten: neither they nor what was made of them is left."""

import base64
import json
import re

import numpy as np
import pytest
from PIL import Image
from searching import found_in, needles
from tiny import tiny_vision_folder

import journeyman
from journeyman.continual.named import Named
from journeyman.continual.unlearning import unlearn
from journeyman.data.identity import input_hash, row_id
from journeyman.data.pictures import picture_digest
from journeyman.saved.folder import write_model
from journeyman.traces.purge import Removed, known_rows, purge

COLOURS = {"bad": (255, 0, 0), "good": (0, 0, 255)}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOURNEYMAN_HOME", str(tmp_path / "home"))
    tiny_vision_folder(tmp_path / "tiny")
    for label, colour in COLOURS.items():
        (tmp_path / "photos" / label).mkdir(parents=True)
        for at in range(20):
            draw = np.random.default_rng([at, *colour])
            pixels = draw.normal(0, 25, (30, 34, 3)) + np.array(colour)
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(tmp_path / "photos" / label / f"{label}-portrait-{at:02d}.png")
    (tmp_path / "photos" / "good" / "good-portrait-broken.png").write_bytes(b"no picture")
    return tmp_path


def run(place):
    said = {
        "name": "colours", "backbone": "tiny", "data": {"train": "photos"},
        "finetune": {"tuner": "none", "augment": {"kinds": ["crop", "flip"], "copies": 1}},
        "explain": {"samples": 20}, "threads": 1, "trackers": [],
    }  # fmt: skip
    (place / "colours.yaml").write_text(json.dumps(said))
    return journeyman.finetune("colours.yaml")


def shown(folder):
    """The pictures of the report by the name of their file: the bytes in its data addresses."""
    examples = json.loads((folder / "sections" / "explain.json").read_text())["examples"]
    parts = ("picture", "overlay")
    return {
        e["text"]: [base64.b64decode(e[part].partition("base64,")[2]) for part in parts]
        for e in examples
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_of_forgotten_pictures_is_left(place):
    model = run(place)
    folder, home = place / "runs" / "colours", place / "home"
    splits = json.loads((folder / "data" / "splits.json").read_text())
    where = {p.relative_to(place / "photos").as_posix(): p 
             for p in (place / "photos").rglob("*-[0-9]*.png")}  # fmt: skip
    pictured = shown(folder)
    test = next(i for i in splits["test"] if where[i].name in pictured)
    ids = [splits["train"][1], splits["validation"][1], splits["exam"][1], test]
    paths = [where[each] for each in ids]
    broken = place / "photos" / "good" / "good-portrait-broken.png"
    wanted = needles(
        words=[p.name for p in (*paths, broken)],
        ids=ids,
        hashes=[row_id(input_hash((picture_digest(p),))) for p in paths],
        raw=[*pictured[where[test].name], *(p.read_bytes() for p in paths)],
    )
    digests = needles(words=[picture_digest(p) for p in paths])
    wanted |= digests
    before = found_in([folder, home], wanted)
    never = {f"raw {at}" for at in range(2, 6)}
    assert set(wanted) - set(before) == never, "no run keeps a copy of a whole file"
    assert "report.html" in before["raw 0"]
    features = len(list((home / "features").glob("*.npy")))
    asked = Removed.of(ids=ids, texts=[str(broken)])
    known = known_rows(folder, asked)
    assert {str(path) for path in paths} <= known.texts
    taught = unlearn(model, Named(ids=known.ids, inputs=known.inputs))
    write_model(taught.state, folder / "model")
    done = purge(folder, asked)
    assert found_in([folder, home], wanted) == {}
    assert done.left == ()
    assert done.places["features"] >= 5, "a picture's views are forgotten with it"
    assert len(list((home / "features").glob("*.npy"))) < features
    page = (folder / "report.html").read_text()
    assert len(re.findall('src="data:image/jpeg;base64,', page)) == 2 * (len(pictured) - 1)
    again = run(place)
    assert found_in([folder, home], wanted) == {}
    assert again.predict(str(paths[0]))[0].label == paths[0].parent.name
    assert all(path.is_file() for path in (*paths, broken))
