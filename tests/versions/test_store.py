"""What a store of versions promises, beside a model folder and in a database."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from store_samples import answers, serving, taught, teach, told

from journeyman.errors import ModelError
from journeyman.model import Model
from journeyman.saved.manifest import check_files, read_manifest
from journeyman.versions.store import Store


def version_in(folder):
    return read_manifest(folder)["version"]


def states(store):
    return {each.version: each.state for each in store.history()}


def test_a_model_without_a_store_has_one_version_and_none_is_made_by_looking(folder):
    store = Store.beside(folder)
    (only,) = store.history()
    assert (only.version, only.kind, only.current) == (version_in(folder), "made", True)
    assert only.rows == (24, 0)
    assert store.load("current") == folder
    assert not store.was_removed("a")
    assert store.decisions() == []
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_the_first_version_that_is_added_brings_the_one_it_came_from(store, folder):
    before, first = answers(folder), version_in(folder)
    model = taught(folder)
    added = store.add(model, told(first), folder)
    assert added.version == model.version != first
    assert [(each.version, each.kind) for each in store.history()] == [
        (added.version, "learn"),
        (first, "made"),
    ]
    assert store.current == first
    assert answers(store.load(first)) == before
    assert answers(store.load(added.version)) == answers(model.folder) != before
    for each in store.history():
        check_files(store.load(each.version), read_manifest(store.load(each.version)))
    made = store.find(first)
    assert made.promoted
    assert not added.promoted
    assert store.find(added.version).update == replace(
        told(first), version=added.version, retention=tuple(told(first).retention)
    )


def test_what_is_promoted_serves_and_what_is_rolled_back_serves_no_more(store, folder):
    first = version_in(folder)
    second = teach(store, folder)
    third = teach(store, folder, seed=1)
    assert store.current == third.version
    assert version_in(serving(store, folder)) == third.version
    assert [each.current for each in store.history()] == [True, False, False]
    assert store.rollback().version == second.version
    assert store.rollback("worse in May").version == first
    assert version_in(serving(store, folder)) == first
    with pytest.raises(ModelError, match="no earlier") as caught:
        store.rollback()
    assert third.version in caught.value.found
    whats = [(line["what"], line["version"]) for line in store.decisions()]
    assert whats == [
        ("learn", second.version),
        ("promote", second.version),
        ("learn", third.version),
        ("promote", third.version),
        ("rollback", second.version),
        ("rollback", first),
    ]
    assert store.decisions()[-1]["reasons"] == [f"{second.version} served before", "worse in May"]
    assert store.decisions()[2]["parent"] == second.version


def test_a_version_that_never_served_is_not_rolled_back_to(store, folder):
    first = version_in(folder)
    idle = teach(store, folder, promote=False)
    model = Model.load(store.load(idle.version))
    model.about["again"] = 1
    child = store.add(model, told(idle.version))
    store.promote(child.version)
    assert store.rollback().version == first


def test_a_refused_version_may_be_promoted_and_it_is_noted(store, folder):
    refused = teach(store, folder, promote=False, accepted=False, reasons=("books fell",))
    assert store.current != refused.version
    assert not store.find(refused.version).accepted
    assert store.decisions()[-1]["what"] == "refuse"
    assert store.decisions()[-1]["reasons"] == ["books fell"]
    store.promote(refused.version)
    assert store.current == refused.version
    assert store.decisions()[-1]["what"] == "promote"
    assert store.decisions()[-1]["reasons"][-2:] == ["it was refused", "books fell"]


def test_a_version_that_was_accepted_may_be_refused_later(store, folder):
    waiting = teach(store, folder, promote=False)
    store.refuse(waiting.version, "the owner said no")
    store.refuse(waiting.version)
    assert not store.find(waiting.version).accepted
    assert [line["what"] for line in store.decisions()] == ["learn", "refuse"]
    refused = teach(store, folder, seed=1, promote=False, accepted=False, reasons=("books fell",))
    store.refuse(refused.version, "books fell")
    assert [line["what"] for line in store.decisions()] == ["learn", "refuse", "refuse"]


def test_to_promote_what_serves_changes_nothing(store, folder):
    second = teach(store, folder)
    lines = store.decisions()
    store.promote("current")
    assert store.current == second.version
    assert store.decisions() == lines


def test_a_version_is_named_by_its_first_digits(store, folder):
    second = teach(store, folder)
    assert store.find(second.version[:4]) == store.find("current")
    for wrong in (second.version[:3], "nothing", "", second.version + "0"):
        with pytest.raises(ModelError, match="no such version") as caught:
            store.find(wrong)
        assert second.version in caught.value.expected
        assert caught.value.remedy


def test_of_versions_that_begin_alike_none_is_guessed(folder):
    store = Store.beside(folder)
    first = store.find("current")
    alike = replace(first, version=first.version[:6] + "zzzzzz", current=False)
    with store.alone(), store._register.records.transaction():
        store._register.records.put(alike)
    with pytest.raises(ModelError, match="Several versions begin"):
        store.find(first.version[:5])
    assert store.find(first.version[:7]).version == first.version


def test_a_rebuilt_version_takes_the_place_of_the_old_one(store, folder):
    first = version_in(folder)
    second, third = teach(store, folder), teach(store, folder, seed=1)
    model = taught(store.load(second.version), rows=1, seed=77)
    gone = told(second.version, kind="unlearn", added=0, removed=1, data="")
    new = store.replace(second.version, model, gone)
    assert states(store)[second.version] == "purged"
    assert store.find(third.version).parent == new.version
    assert (new.parent, new.rows, new.replaces) == (first, (3, 1), second.version)
    assert new.promoted
    assert store.current == third.version
    assert store.decisions()[-1]["what"] == "unlearn"
    for refused in (store.promote, store.load):
        with pytest.raises(ModelError, match="does not stand") as caught:
            refused(second.version)
        assert "purged" in caught.value.found
    assert store.rollback().version == new.version


def test_rows_between_versions_stay_right_when_parent_and_child_are_rebuilt(store, folder):
    first = version_in(folder)
    second, third = teach(store, folder), teach(store, folder, seed=1)
    new = {}
    for old in (third, second):
        model = taught(store.load(old.version), rows=1, seed=77)
        gone = told(old.version, kind="unlearn", added=0, removed=1, data="")
        new[old.version] = store.replace(old.version, model, gone).version
    found = store.diff(new[second.version], new[third.version])
    assert (found.added, found.removed) == (3, 0)
    found = store.diff(first, new[third.version])
    assert found.added - found.removed == 5
    assert store.current == new[third.version]
    assert store.find(new[third.version]).parent == new[second.version]


def test_a_version_that_serves_is_replaced_and_served_in_one_step(store, folder):
    second = teach(store, folder)
    model = taught(serving(store, folder), rows=1, seed=77)
    gone = told(second.version, kind="unlearn", added=0, removed=1, data="")
    new = store.replace("current", model, gone)
    assert store.current == new.version
    assert version_in(serving(store, folder)) == new.version
    assert states(store)[second.version] == "purged"
    assert [line["what"] for line in store.decisions()] == ["learn", "promote", "unlearn"]


def test_a_purged_version_leaves_its_record_and_nothing_of_its_rows(store, folder):
    first = version_in(folder)
    second = teach(store, folder, reasons=("row 17 says anna",))
    third = teach(store, folder, seed=1)
    with pytest.raises(ModelError, match="that serves cannot be purged"):
        store.replace("current", None, told(third.version, kind="unlearn"))
    store.replace(second.version, None, told(second.version, kind="unlearn"))
    left = store.find(second.version)
    assert (left.state, left.rows, left.parent) == ("purged", (3, 0), first)
    assert (left.update.data, left.update.reasons, left.update.retention) == ("", (), ())
    assert store.rollback().version == first
    found = store.diff(first, third.version)
    assert (found.added, found.removed) == (6, 0)
    found = store.diff(first, second.version)
    assert found.settings is None


def test_what_is_purged_is_overwritten_in_the_file_of_records(folder):
    store = Store.beside(folder)
    second = teach(store, folder, data="feedfacefeedface")
    teach(store, folder, seed=1)
    path = Path(store.place) / "store.db"
    assert b"feedfacefeedface" in path.read_bytes()
    store.replace(second.version, None, told(second.version, kind="unlearn"))
    assert b"feedfacefeedface" not in path.read_bytes()
    assert not (Path(store.place) / second.version).exists()
    assert [p.name for p in Path(store.place).iterdir() if p.name.endswith(".new")] == []


def test_old_versions_are_pruned_and_what_may_be_needed_stays(store, folder):
    first = version_in(folder)
    versions = [teach(store, folder, seed=seed).version for seed in range(4)]
    waiting = teach(store, folder, seed=9, promote=False).version
    store.rollback()
    aside = teach(store, folder, seed=10, promote=False).version
    gone = store.prune(1)
    assert set(gone) == {first, versions[0], waiting}
    assert states(store)[first] == "pruned"
    assert {v for v, state in states(store).items() if state == "kept"} == {*versions[1:], aside}
    with pytest.raises(ModelError, match="does not stand") as caught:
        store.promote(first)
    assert "pruned" in caught.value.found
    assert store.rollback().version == versions[1]
    with pytest.raises(ModelError, match="no earlier"):
        store.rollback()


def test_a_row_that_was_removed_is_known_by_its_salted_id_alone(store, folder, tmp_path):
    second = teach(store, folder)
    store.record_removal(second.version, ["row-17", "row-18"])
    store.record_removal(second.version, ["row-19"], "anna")
    assert store.was_removed("row-17")
    assert store.was_removed("row-19")
    assert not store.was_removed("row-20")
    for path in tmp_path.rglob("*.db"):
        assert b"row-17" not in path.read_bytes()
        assert b"anna" not in path.read_bytes()


def test_two_stores_salt_differently(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "other" / "model"))
    salted = []
    for place in (folder, copy):
        store = Store.beside(place)
        with store.alone(), store._register.records.transaction():
            salted.append(store._register.records._salt())
    assert salted[0] != salted[1]


def test_a_version_that_was_changed_on_disk_never_serves(folder):
    store = Store.beside(folder)
    second = teach(store, folder, promote=False)
    head = store.load(second.version) / "head.safetensors"
    content = head.read_bytes()
    head.unlink()
    head.write_bytes(content[:-1] + b"\0")
    before = version_in(folder)
    with pytest.raises(ModelError, match="not as it was saved"):
        store.promote(second.version)
    assert version_in(folder) == before
    shutil.rmtree(store.load(second.version))
    with pytest.raises(ModelError, match="does not stand") as caught:
        store.promote(second.version)
    assert "missing" in caught.value.found
    again = teach(store, folder, promote=True)
    assert again.version == second.version == version_in(folder)


def test_files_that_versions_have_in_common_are_on_disk_once(folder):
    store = Store.beside(folder)
    second = teach(store, folder)
    one, other = store.load(store.rollback().version), store.load(second.version)
    exams = [place / "exam.safetensors" for place in (one, other, folder)]
    assert len({os.stat(path).st_ino for path in exams}) == 1
    heads = [place / "head.safetensors" for place in (one, other)]
    assert len({os.stat(path).st_ino for path in heads}) == 2
    for name in ("model.json", "README.md", "decisions.jsonl"):
        assert os.stat(folder / name).st_nlink == 1


def test_what_others_put_into_the_model_folder_is_a_version_that_serves(folder):
    store = Store.beside(folder)
    second = teach(store, folder)
    model = Model.load(folder)
    model.about["made"] = "by another run"
    model.save(folder)
    assert not (folder / "decisions.jsonl").exists()
    assert store.current == model.version
    newest = store.history()[0]
    assert (newest.version, newest.kind, newest.current) == (model.version, "made", True)
    assert len((folder / "decisions.jsonl").read_text().splitlines()) == 2
    assert store.find(second.version).stands


def test_decisions_of_a_model_from_elsewhere_are_kept(folder):
    line = json.dumps({"when": "2026-01-01T00:00:00Z", "what": "learn", "version": "elsewhere"})
    (folder / "decisions.jsonl").write_text(f"{line}\nno json\n")
    store = Store.beside(folder)
    teach(store, folder)
    said = (folder / "decisions.jsonl").read_text().splitlines()
    assert said[0] == line
    assert [json.loads(each)["what"] for each in said] == ["learn", "learn", "promote"]
    assert store.decisions() == [json.loads(each) for each in said]


def test_lost_records_are_made_anew_from_the_folders(folder):
    store = Store.beside(folder)
    second = teach(store, folder)
    for path in Path(store.place).glob("store.db*"):
        path.unlink()
    again = Store.beside(folder)
    assert {each.version for each in again.history()} == {
        second.version,
        second.parent,
    }
    assert again.find(second.version).update == second.update
    assert again.current == second.version


def test_the_difference_of_two_versions_tells_rows_retention_settings_and_files(store, folder):
    first = version_in(folder)
    second = teach(store, folder)
    found = store.diff(first, second.version)
    assert (found.added, found.removed) == (3, 0)
    lines = {(line["slice"], line["metric"]): (line["a"], line["b"]) for line in found.retention}
    assert lines == {
        ("all", "accuracy"): (0.9, 0.95),
        ("books", "accuracy"): (0.8, 0.7),
        ("new", "accuracy"): (None, 0.5),
    }
    changed = {line["path"]: (line["a"], line["b"]) for line in found.files}
    size = (folder / "head.safetensors").stat().st_size
    assert changed["head.safetensors"] == (size, size)
    assert "exam.safetensors" not in changed
    back = store.diff(second.version, first)
    assert (back.added, back.removed) == (0, 3)
    model = Model.load(serving(store, folder))
    model.about["test"] = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 12}}
    store.add(model, told(second.version))
    found = store.diff(second.version, model.version)
    values = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 12}
    assert found.settings == {f"about.test.accuracy.{n}": [None, v] for n, v in values.items()}
    assert found.files == []


def test_an_update_that_names_another_version_is_a_mistake_of_ours(store, folder):
    model = Model.load(folder)
    model.about["again"] = 1
    with pytest.raises(ValueError, match="the update is to 000000000000"):
        store.add(model, replace(told(version_in(folder)), version="0" * 12))
    assert model.folder == folder
