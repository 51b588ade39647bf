"""Learning and forgetting where a model stands: versions kept, the gate held, no trace left."""

import json
import shutil
import sys

import pytest
from stream_samples import ground, recipe, texts, write

import journeyman
from journeyman.cli import main
from journeyman.continual.holdings import solved_head
from journeyman.continual.options import UpdateOptions
from journeyman.errors import DataError, FetchError
from journeyman.journey import travel
from journeyman.recipe import load_recipe
from journeyman.teaching import forget, teach
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.versions.store import Store

FREELY = UpdateOptions(retain=None)
MARKED = "the mat quetzalcoatl sat in london"


@pytest.fixture
def place(tmp_path, own_home):
    return ground(tmp_path / "stream")


@pytest.fixture
def run(place):
    return travel(load_recipe(recipe(place))).folder


def asked(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["journeyman", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def holding(folder, *words):
    """Files under a folder in which any of the words stand."""
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(word.encode() in path.read_bytes() for word in words)
    ]


def ids_of(folder):
    model = journeyman.load(folder)
    solved_head(model)
    return model.learner.ledger.ids


def test_a_file_is_learned_by_command_and_the_new_version_serves(run, place, capsys, monkeypatch):
    before = journeyman.load(run).version
    file = write(place / "new.jsonl", [*texts("london", 40), {"text": "the cat", "label": ""}])
    code, out, _ = asked(["learn", run, file, "--retain", "0"], capsys, monkeypatch)
    told = json.loads(out)
    assert code == 0
    assert told["accepted"]
    assert told["parent"] == before
    assert told["rows"]["quarantined"] == 1
    assert journeyman.load(run).version == told["version"]
    refused = (run / f"quarantine-{told['version']}.jsonl").read_text()
    assert "label" in refused
    assert {each["slice"] for each in told["retention"]} >= {"all"}
    code, out, _ = asked(["rollback", run], capsys, monkeypatch)
    assert code == 0
    assert journeyman.load(run).version == before


def test_a_file_that_is_learned_twice_counts_once(run, place):
    file = write(place / "new.jsonl", texts("london", 20))
    options = UpdateOptions(retain=None, exam=0.0)
    first = teach(run, file, options).update
    head = (run / "model" / "head.safetensors").read_bytes()
    second = teach(run, file, options).update
    assert (first.added, first.replaced) == (20, 0)
    assert (second.added, second.replaced) == (0, 20)
    assert second.to_json()["rows"]["replaced"] == 20
    assert (run / "model" / "head.safetensors").read_bytes() == head
    assert journeyman.load(run).about["rows"]["learned"] == 20
    assert Store.beside(run / "model").history()[0].rows == (0, 0)


def test_what_breaks_the_gate_stands_beside_and_does_not_serve(run, place, capsys, monkeypatch):
    before = journeyman.load(run).version
    flip = {"good": "bad", "bad": "good"}
    wrong = [{**row, "label": flip[row["label"]]} for row in texts("paris", 400, seed=9)]
    file = write(place / "wrong.jsonl", wrong)
    options = UpdateOptions(retain=0.95, least=4)
    told = teach(run, file, options).update
    assert not told.accepted
    assert "kept on" in told.reasons[0]
    assert journeyman.load(run).version == before
    code, _, _ = asked(["promote", run, told.version], capsys, monkeypatch)
    assert code == 0
    assert journeyman.load(run).version == told.version


def test_nothing_of_a_forgotten_row_is_left_and_no_rollback_brings_it_back(
    run, place, own_home, capsys, monkeypatch
):
    marked = {"text": MARKED, "label": "good"}
    first = write(place / "first.jsonl", [*texts("london", 20), marked])
    options = UpdateOptions(retain=None, exam=0.0)
    teach(run, first, options)
    teach(run, write(place / "second.jsonl", texts("anna", 20)), options)
    (row_id,) = [answer.id for answer in journeyman.load(run).predict([MARKED])]
    assert row_id in ids_of(run)
    assert len([name for name in holding(run, row_id) if "model.versions" in name]) >= 2
    assert int(row_id, 16) in FeatureCache().sources()
    answers = journeyman.load(run).predict([row["text"] for row in texts("london", 20)])
    code, out, _ = asked(["unlearn", run, "--ids", row_id], capsys, monkeypatch)
    told = json.loads(out)
    assert code == 0
    assert told["exact"]
    assert told["rows"]["removed"] == 1
    assert told["left"] == []
    assert len(told["rebuilt"]) == 2
    assert holding(run, row_id, "quetzalcoatl") == []
    assert holding(own_home, row_id, "quetzalcoatl") == []
    assert int(row_id, 16) not in FeatureCache().sources()
    for version in Store.beside(run / "model").history():
        if version.stands:
            assert row_id not in ids_of(f"{run}@{version.version}")
    again = journeyman.load(run).predict([row["text"] for row in texts("london", 20)])
    assert [a.label for a in again] == [a.label for a in answers]
    asked(["rollback", run], capsys, monkeypatch)
    assert row_id not in ids_of(run)
    with pytest.raises(DataError, match="not learned"):
        forget(run, ids=[row_id])


def test_a_row_that_was_removed_does_not_come_back_unless_it_is_wanted(run, place):
    marked = {"text": MARKED, "label": "good"}
    file = write(place / "first.jsonl", [*texts("london", 20), marked])
    options = UpdateOptions(retain=None, exam=0.0)
    teach(run, file, options)
    forget(run, file=write(place / "gone.jsonl", [marked]))
    told = teach(run, file, options)
    assert told.update.quarantined == 1
    assert teach(run, file, options, again=True).update.quarantined == 0


def test_rows_are_forgotten_by_what_they_read_and_need_no_label(run, place):
    file = write(place / "first.jsonl", [*texts("london", 20), {"text": MARKED, "label": "good"}])
    teach(run, file, UpdateOptions(retain=None, exam=0.0))
    (place / "gone.txt").write_text(f"{MARKED}\n")
    assert forget(run, file=str(place / "gone.txt")).update.removed == 1
    assert holding(run, "quetzalcoatl") == []


def test_what_would_leave_nothing_is_told_and_changes_nothing(run):
    before = (run / "model" / "model.json").read_bytes()
    with pytest.raises(DataError, match="Nothing would be left"):
        forget(run, ids=sorted(ids_of(run)))
    assert (run / "model" / "model.json").read_bytes() == before
    assert not (run / "removals.json").exists()


@pytest.mark.parametrize("broken", ["forget_in_versions", "purge"])
def test_forgetting_that_is_broken_off_is_completed_by_the_same_command(
    broken, run, place, monkeypatch
):
    rows = [{**row, "label": "odd", "text": f"{row['text']} tezcatlipoca"} for row in
            texts("anna", 12)]  # fmt: skip
    teach(run, write(place / "new.jsonl", rows), UpdateOptions(retain=None, exam=0.0))
    teach(run, write(place / "more.jsonl", texts("london", 12)), FREELY)
    ids = {answer.id for answer in journeyman.load(run).predict([row["text"] for row in rows])}
    with monkeypatch.context() as patch:
        patch.setattr(f"journeyman.teaching.{broken}", stopped)
        with pytest.raises(KeyboardInterrupt):
            forget(run, label="odd")
    forget(run, label="odd")
    assert "odd" not in journeyman.load(run).schema.labels
    for version in Store.beside(run / "model").history():
        if version.stands:
            assert not ids & ids_of(f"{run}@{version.version}")
    assert holding(run, *ids) == []
    assert not {int(row_id, 16) for row_id in ids} & FeatureCache().sources()


def stopped(*_):
    raise KeyboardInterrupt


def test_a_version_that_cannot_say_what_it_learned_is_purged(place, monkeypatch):
    """One without a ledger: nothing may be taken off it that it never had."""
    monkeypatch.setattr("journeyman.training.ledger.LARGEST", 0)
    run = travel(load_recipe(recipe(place))).folder
    first = journeyman.load(run).version
    rows = texts("london", 20)
    teach(run, write(place / "new.jsonl", rows), UpdateOptions(retain=None, exam=0.0))
    found = forget(run, file=write(place / "gone.jsonl", rows[:3]))
    assert not found.update.exact
    assert found.update.removed == 3
    assert list(found.purged) == [first]


def test_a_class_is_forgotten_with_its_rows(run, place):
    file = write(place / "new.jsonl", [{**row, "label": "odd"} for row in texts("anna", 12)])
    teach(run, file, UpdateOptions(retain=None, exam=0.0))
    assert "odd" in journeyman.load(run).schema.labels
    told = forget(run, label="odd")
    assert told.update.removed == 12
    assert "odd" not in journeyman.load(run).schema.labels


def test_what_is_wrong_is_told(run, place, capsys, monkeypatch):
    code, _, err = asked(["unlearn", run], capsys, monkeypatch)
    assert code == 2
    assert "--rows FILE, --ids ID, --class LABEL" in err
    code, _, err = asked(["learn", run, place / "nowhere.csv"], capsys, monkeypatch)
    assert code == 2
    assert "nowhere.csv" in err
    code, _, err = asked(["unlearn", run, "--class", "goot"], capsys, monkeypatch)
    assert code == 2
    assert "good" in err


def test_what_the_model_keeps_is_enough_to_forget_without_its_backbone(run, place, monkeypatch):
    row_id = sorted(ids_of(run))[0]
    backbone = json.loads((run / "model" / "model.json").read_text())["backbone"]["reference"]
    shutil.move(backbone, place / "elsewhere")
    with pytest.raises(FetchError, match="not to be had"):
        journeyman.load(run)
    told = forget(run, ids=[row_id])
    assert told.update.exact
    assert not told.left
    shutil.move(place / "elsewhere", backbone)
    assert row_id not in ids_of(run)
    assert journeyman.load(run).predict("the cat")[0].label in ("good", "bad")
