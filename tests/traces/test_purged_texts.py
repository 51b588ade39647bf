"""Rows of texts that are to be forgotten: nothing of them is left, and nothing comes back."""

import json
import random
import shutil

import pytest
from contract_samples import made_rows
from searching import found_in, hashed, needles
from tiny import tiny_folder
from trace_tables import write_table

import journeyman
from journeyman.continual.named import Named
from journeyman.continual.unlearning import unlearn
from journeyman.saved.folder import write_model
from journeyman.traces import purge as module
from journeyman.traces.places.base import PLACES, in_order
from journeyman.traces.purge import Removed, known_rows, purge

MARKS = ("zebrawort", "quillfen", "mirthorn", "oxbramble", "veldspar")
"""A word of one training, validation, exam, test and refused row each, and of no other."""
SPLITS = ("train", "validation", "exam", "test")


def marked(word, text):
    return f'{text} <{word}> "über"'


def plain_rows(seed=0):
    """Rows of three columns, none of them marked."""
    rows = [{"id": f"person-{at:04d}-x", **row} for at, row in enumerate(made_rows(150, seed))]
    rows = [{name: row[name] for name in ("id", "text", "label")} for row in rows]
    for at, row in enumerate(rows):
        row["text"] += f" {at % 7}" * (at % 5)
    return rows


def parted():
    """Rows for each split with a marked one among them, and one for testing that is refused."""
    rows = plain_rows()
    random.Random(3).shuffle(rows)
    parts = dict(zip(SPLITS, (rows[:90], rows[90:118], rows[118:146], rows[146:]), strict=True))
    gone = []
    for word, part in zip(MARKS, parts.values(), strict=False):
        row = part[2]
        row["text"] = marked(word, row["text"])
        gone.append(row)
    refused = {"id": "person-9999-x", "text": marked(MARKS[4], "the dog"), "label": ""}
    parts["test"].insert(9, refused)
    return [*gone, refused], parts


def prepared(place):
    """A file for each split."""
    gone, parts = parted()
    for name, part in parts.items():
        write_table(place / f"{name}.csv", part)
    return gone, parts


def recipe(**more):
    return {
        "name": "marked", "task": "text-classification", "backbone": "tiny",
        "data": {name: f"{name}.csv" for name in SPLITS} | {"text": "text", "label": "label"},
        "finetune": {"tuner": "none", "head": "ridge"},
        "explain": {"samples": 20}, "threads": 1, **more,
    }  # fmt: skip


def run(place, **more):
    (place / "marked.yaml").write_text(json.dumps(recipe(**more)))
    return journeyman.finetune("marked.yaml")


@pytest.fixture(scope="module")
def travelled(tmp_path_factory):
    """Where the recipe was run; not to be changed."""
    place = tmp_path_factory.mktemp("travelled")
    tiny_folder(place / "tiny")
    prepared(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("JOURNEYMAN_HOME", str(place / "home"))
        run(place)
    return place


@pytest.fixture
def there(travelled, tmp_path, monkeypatch):
    """A copy of that place, and the current folder."""
    place = shutil.copytree(travelled, tmp_path / "place")
    monkeypatch.chdir(place)
    monkeypatch.setenv("JOURNEYMAN_HOME", str(place / "home"))
    return place


def traces(gone):
    return needles(
        words=MARKS,
        ids=[row["id"] for row in gone],
        hashes=[hashed(row["text"]) for row in gone],
    )


def forget(folder, gone, model):
    """What the command does: ask the tables, have the model forget, save it, clear the rest."""
    asked = Removed.of(ids=[row["id"] for row in gone])
    known = known_rows(folder, asked)
    taught = unlearn(model, Named(ids=known.ids, inputs=known.inputs))
    write_model(taught.state, folder / "model")
    return purge(folder, asked)


def strewn(folder, row):
    """Files that a user, another command or a kill may leave in a run's folder."""
    said = {"id": row["id"], "text": row["text"]}
    (folder / "predictions.jsonl").write_text(f'{json.dumps(said)}\n{{"id": "other"}}\n')
    (folder / "audit.json").write_text(json.dumps({"suspects": [said, {"id": "other"}]}))
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / "a.safetensors").write_text(row["text"])
    (folder / ".report.html.0a1b2c3d.part").write_text(row["text"])
    (folder / ".model.0a1b2c3d.new").mkdir()
    (folder / ".model.0a1b2c3d.new" / "ledger.safetensors").write_text(row["text"])
    (folder / "data" / "old.arrow").write_text(row["text"])


def test_nothing_of_forgotten_rows_is_left_and_nothing_comes_back(there):
    gone, _ = parted()
    sources = {name: (there / f"{name}.csv").read_bytes() for name in SPLITS}
    model = run(there)
    folder, home = there / "runs" / "marked", there / "home"
    strewn(folder, gone[0])
    wanted = traces(gone)
    before = found_in([folder, home], wanted)
    assert set(wanted) - set(before) == {hashed(gone[4]["text"])}, "a refused row is not hashed"
    held = set().union(*before.values())
    for name in ("model/ledger.safetensors", "model/exam.safetensors", "quarantine.jsonl",
                 "report.html", "sections/explain.json", "data/splits.json",
                 "predictions.jsonl", "audit.json",
                 "checkpoints/a.safetensors", "data/quarantine.jsonl"):  # fmt: skip
        assert name in held, name
    assert any(name.startswith("features/index.sqlite") for name in held)
    assert any(name.endswith(".arrow") and name != "data/old.arrow" for name in held)
    others = [row["text"] for row in plain_rows()][:50]
    answers = model.predict(others)
    done = forget(folder, gone, model)
    assert found_in([folder, home], wanted) == {}
    assert done.left == ()
    assert set(done.places) == set(PLACES)
    assert all(done.places[name] for name in ("tables", "features", "documents", "report")), done
    assert done.places["tables"] == 5
    assert (folder / "report.html").is_file()
    assert json.loads((folder / "audit.json").read_text()) == {"suspects": [{"id": "other"}]}
    assert (folder / "predictions.jsonl").read_text() == '{"id": "other"}\n'
    splits = json.loads((folder / "data" / "splits.json").read_text())
    again = run(there)
    assert found_in([folder, home], wanted) == {}
    assert json.loads((folder / "data" / "splits.json").read_text()) == splits
    assert "removed_on_request" in (folder / "quarantine.jsonl").read_text()
    assert {name: (there / f"{name}.csv").read_bytes() for name in SPLITS} == sources
    for old, new in zip(answers, again.predict(others), strict=True):
        assert abs(old.scores[old.label] - new.scores[old.label]) < 0.1


def test_a_row_that_reads_as_part_of_another_leaves_that_one_alone(place):
    _, parts = prepared(place)
    short, long = parts["train"][5], parts["train"][6]
    long["text"] = f"{short['text']} , and more than that"
    write_table(place / "train.csv", parts["train"])
    model = run(place)
    done = forget(place / "runs" / "marked", [short], model)
    assert done.places["tables"] == 1
    assert done.left == ()
    tables = (place / "runs" / "marked" / "data").glob("*.arrow")
    assert any(long["text"].encode() in table.read_bytes() for table in tables)
    (place / "runs" / "marked" / "notes.bin").write_text(short["text"])
    assert purge(place / "runs" / "marked", done.known).left == ("notes.bin",)


def test_a_table_that_still_holds_a_row_is_told(there, monkeypatch):
    gone, _ = parted()
    model = run(there)
    monkeypatch.setattr(PLACES["tables"], "clear", lambda self, request: 0)
    left = forget(there / "runs" / "marked", gone, model).left
    assert any(name.startswith("data/") and name.endswith(".arrow") for name in left)


def test_what_is_read_anew_from_the_source_leaves_them_out_too(there):
    gone, parts = parted()
    model = run(there)
    folder = there / "runs" / "marked"
    forget(folder, gone, model)
    parts["train"].append({"id": "new", "text": "the cat was good", "label": "good"})
    write_table(there / "train.csv", parts["train"])
    run(there)
    rows = json.loads((folder / "metrics.json").read_text())["data"]
    assert rows == {"train": 90, "validation": 27, "exam": 27, "test": 3}
    assert found_in([folder, there / "home"], traces(gone)) == {}


def test_a_run_that_was_not_purged_shows_the_rows(there):
    """The search is able to fail: a run again, without a request, still has them everywhere."""
    gone, _ = parted()
    run(there)
    run(there, name="marked", seed=1)
    assert set(MARKS) <= set(found_in([there / "runs"], traces(gone)))


class Broken(Exception):
    pass


@pytest.mark.parametrize("at", range(len(in_order()) + 1))
def test_a_request_that_was_broken_off_is_completed_by_the_same_call(there, at, monkeypatch):
    gone, _ = parted()
    model = run(there)
    folder, home = there / "runs" / "marked", there / "home"
    asked = Removed.of(ids=[row["id"] for row in gone])
    known = known_rows(folder, asked)
    taught = unlearn(model, Named(ids=known.ids, inputs=known.inputs))
    write_model(taught.state, folder / "model")
    places = in_order()
    if at < len(places):
        monkeypatch.setattr(type(places[at]), "clear", raising)
    else:
        monkeypatch.setattr(module, "left_in", raising)
    with pytest.raises(Broken):
        purge(folder, asked)
    monkeypatch.undo()
    monkeypatch.chdir(there)
    monkeypatch.setenv("JOURNEYMAN_HOME", str(home))
    if at % 2:
        run(there)
    purge(folder, asked)
    assert found_in([folder, home], traces(gone)) == {}
    run(there)
    assert found_in([folder, home], traces(gone)) == {}


def raising(*_):
    raise Broken


def test_a_model_elsewhere_has_its_cached_rows_forgotten(there):
    gone, _ = parted()
    model = run(there)
    shutil.copytree(there / "runs" / "marked" / "model", there / "elsewhere")
    (there / ".elsewhere.0a1b2c3d.new").mkdir()
    inputs = [hashed(row["text"]) for row in gone]
    done = purge(there / "elsewhere", Removed.of(inputs=inputs))
    assert done.places["features"] > 0
    assert done.left == ("exam.safetensors", "ledger.safetensors")
    assert not (there / ".elsewhere.0a1b2c3d.new").exists()
    assert model.version


def test_what_copies_of_rows_became_goes_too(place):
    gone, _ = prepared(place)
    augment = {"kinds": ["word-dropout"], "copies": 2}
    tuned = {"tuner": "full", "cut": 2, "epochs": 1, "head": "ridge", "augment": augment}
    model = run(place, finetune=tuned)
    assert found_in([place / "home"], traces(gone))
    forget(place / "runs" / "marked", gone, model)
    assert found_in([place / "home", place / "runs"], traces(gone)) == {}
