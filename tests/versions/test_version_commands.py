"""Versions on the command line: how they are named, listed, compared and put to serve."""

import json
import subprocess
import sys

import pytest
from asking import ask, check_refusal
from store_samples import ASKED, answers, teach

import journeyman
from journeyman.errors import ModelError
from journeyman.saved.manifest import read_manifest
from journeyman.versions.store import Store


@pytest.fixture
def run_folder(folder):
    return folder.parent


def lines(said):
    return [json.loads(line) for line in said.splitlines()]


def test_a_model_is_named_with_a_version(run_folder, folder):
    first, before = read_manifest(folder)["version"], answers(folder)
    store = Store.beside(folder)
    second = teach(store, folder).version
    assert journeyman.load(f"{run_folder}@{first[:5]}").version == first
    assert journeyman.load(f"{folder}@{second}").folder == folder
    assert journeyman.load(f"{run_folder}@current").folder == folder
    said = ask("predict", f"{run_folder}@{first[:4]}", "--text", ASKED[0])
    (answer,) = lines(said.out)
    assert answer["version"] == first
    assert answer["scores"] == before[0]["scores"]
    check_refusal(ask("predict", f"{run_folder}@0000", "--text", "x"), first, second, "0000")
    check_refusal(ask("predict", f"{run_folder}@latest", "--text", "x"), "current")
    check_refusal(ask("predict", f"{run_folder}/none@0000", "--text", "x"), "There is no model")
    check_refusal(ask("predict", "mood@current", "--text", "x"), "JOURNEYMAN_STORE")


def test_a_folder_with_an_at_in_its_name_is_a_folder(folder, tmp_path):
    folder.rename(tmp_path / "me@home")
    assert journeyman.load(tmp_path / "me@home").predict(ASKED[0])


def test_a_model_that_a_kill_left_aside_is_found_in_its_run(run_folder, folder):
    folder.rename(folder.with_name(".model.old"))
    assert journeyman.load(run_folder).folder == folder


def test_history_is_a_table_and_lines_of_json(run_folder, folder):
    first = read_manifest(folder)["version"]
    alone = ask("history", run_folder)
    assert alone.code == 0
    assert [line.split()[0] for line in alone.out.splitlines()] == ["version", first]
    assert not (run_folder / "model.versions").exists()
    store = Store.beside(folder)
    second = teach(store, folder).version
    refused = teach(store, folder, seed=1, promote=False, accepted=False).version
    shown = [line.split() for line in ask("history", run_folder).out.splitlines()]
    assert [line[0] for line in shown] == ["version", refused, second, first]
    assert shown[1][4:] == [
        *("learn", "+3", "-0", "refused", "-"),
        *("books", "accuracy", "0.8", "->", "0.7"),
    ]
    assert shown[2][7:9] == ["yes", "now"]
    assert shown[3][4:] == ["made", "+24", "-0", "yes", "before", "-"]
    told = lines(ask("history", run_folder, "--json").out)
    assert [line["version"] for line in told] == [refused, second, first]
    assert told[0]["rows"] == {"added": 3, "removed": 0}
    assert told[1]["worst"]["slice"] == "books"
    pruned = ask("history", run_folder, "--prune", 1, "--json")
    assert "pruned: none" in pruned.err


def test_versions_are_compared_promoted_and_rolled_back(run_folder, folder):
    first = read_manifest(folder)["version"]
    second = teach(Store.beside(folder), folder).version
    told = json.loads(ask("diff", run_folder, first, "current", "--json").out)
    assert (told["a"], told["b"]) == (first, second)
    assert told["rows"] == {"added": 3, "removed": 0}
    shown = ask("diff", run_folder, first[:6], second[:6]).out
    assert f"from {first} to {second}: rows +3 -0" in shown
    assert "head.safetensors" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith("books")] == [
        ["books", "accuracy", "0.8", "0.7"]
    ]
    said = ask("rollback", run_folder)
    assert said.out == f"model:  {folder}\nserves: {first}\n"
    assert read_manifest(folder)["version"] == first
    check_refusal(ask("rollback", run_folder), "no earlier version", second)
    assert ask("promote", run_folder, second[:8]).out.endswith(f"serves: {second}\n")
    assert read_manifest(folder)["version"] == second
    check_refusal(ask("promote", run_folder, "ffff"), second)
    check_refusal(ask("history", run_folder / "none"), "There is no model")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_published_model_is_loaded_by_its_name(
    kind, run_folder, folder, url_of, own_home, monkeypatch
):
    check_refusal(ask("publish", run_folder), "JOURNEYMAN_STORE")
    monkeypatch.setenv("JOURNEYMAN_STORE", url_of(kind))
    first = read_manifest(folder)["version"]
    assert ask("publish", run_folder).out.endswith(f"serves: {first}\n")
    second = teach(Store.beside(folder), folder).version
    assert ask("publish", run_folder).code == 0
    for cached in (own_home / "versions").glob("[!.]*"):
        (cached / "head.safetensors").write_bytes(b"another")
    (answer,) = lines(ask("predict", "mood@current", "--text", ASKED[0]).out)
    assert answer["version"] == second
    assert answer["scores"] == answers(folder)[0]["scores"]
    assert journeyman.load(f"mood@{first[:4]}").version == first
    newest = lines(ask("history", "mood", "--json").out)[0]
    assert (newest["version"], newest["what"], newest["parent"]) == (second, "learn", first)
    assert ask("rollback", "mood").out.endswith(f"serves: {first}\n")
    assert journeyman.load("mood@current").version == first
    check_refusal(ask("predict", "mood@ffff", "--text", "x"), first, second)
    check_refusal(ask("predict", "none@current", "--text", "x"), "no version")


def test_files_that_versions_share_are_in_the_database_once(folder, url_of):
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    url = url_of("sqlite")
    store = Store.open(url, "mood")
    second, third = teach(store, folder), teach(store, folder, seed=1)

    def counted(query):
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return connection.execute(text(query)).scalar()

    distinct = "SELECT count(DISTINCT sha256) FROM journeyman_files"
    assert counted(distinct) == counted("SELECT count(*) FROM journeyman_chunks")
    assert counted(distinct) < counted("SELECT count(*) FROM journeyman_files")
    store.replace(second.version, None, second.update)
    assert counted(distinct) == counted("SELECT count(*) FROM journeyman_chunks")
    check = "SELECT count(*) FROM journeyman_files WHERE version = "
    assert counted(f"{check}'{second.version}'") == 0
    assert answers(store.load(third.version))


def test_what_fails_in_a_database_leaves_it_as_it_was(folder, url_of):
    store = Store.open(url_of("sqlite"), "mood")
    second = teach(store, folder).version
    before = store.history()

    def broken_off():
        with store.alone():
            teach(store, folder, seed=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert store.history() == before
    assert store.current == second


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no url", "cannot be used"),
        ("mysql://here/all", "no database that Journeyman knows"),
        ("sqlite:////nowhere/at/all.db", "unable to open"),
        ("postgresql://me:secret@127.0.0.1:1/all", "cannot be used"),
    ],
)
def test_a_store_that_cannot_be_used_is_told_without_its_password(url, said, monkeypatch):
    monkeypatch.setenv("JOURNEYMAN_STORE", url)
    told = ask("predict", "mood@current", "--text", "x")
    check_refusal(told, said)
    assert "secret" not in told.err


def test_records_that_are_no_database_are_told(folder):
    store = Store.beside(folder)
    teach(store, folder)
    (folder.parent / "model.versions" / "store.db").write_bytes(b"something else" * 100)
    check_refusal(ask("history", folder), "store.db", "cannot be used")
    assert journeyman.load(folder).predict(ASKED[0])


def test_a_store_of_a_newer_journeyman_is_told(folder):
    store = Store.beside(folder)
    with store.alone(), store._register.records.transaction() as connection:
        connection.exec_driver_sql("UPDATE journeyman_settings SET value='2' WHERE name='schema'")
    with pytest.raises(ModelError, match="newer version"):
        Store.beside(folder).history()


def test_to_ask_a_model_no_database_library_is_loaded():
    code = (
        "import sys, journeyman.api, journeyman.versions.store; print('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
