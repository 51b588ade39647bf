import json
import os
import signal
import subprocess
import sys
import time

import pytest
from catalogue_entries import entry_of, no_pip  # noqa: F401
from catalogue_server import serving

from journeyman.catalogue.fetch import RECEIPT, fetch
from journeyman.catalogue.home import home
from journeyman.errors import FetchError, ResourceError

BODY = bytes(range(256)) * 4000
FETCH = """
import sys
from journeyman.catalogue.entry import BackboneEntry
from journeyman.catalogue.fetch import fetch
print(fetch(BackboneEntry.model_validate_json(sys.stdin.read())))
"""

pytestmark = pytest.mark.usefixtures("no_pip")


@pytest.fixture
def server():
    with serving() as files:
        files.content["/weights.bin"] = BODY
        yield files


def the_entry(server, body=BODY):
    return entry_of({"weights.bin": body}, [{"kind": "url", "url": server.address}])


@pytest.fixture
def in_process():
    started = []

    def start(entry):
        process = subprocess.Popen(
            [sys.executable, "-c", FETCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        process.stdin.write(entry.model_dump_json().encode())
        process.stdin.close()
        process.stdin = None
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def part_size():
    return sum(path.stat().st_size for path in home().rglob("weights.bin.part"))


def test_fetch_gives_the_file_and_a_receipt_and_asks_only_once(server):
    folder = fetch(the_entry(server))
    assert (folder / "weights.bin").read_bytes() == BODY
    receipt = json.loads((folder / RECEIPT).read_text())
    assert receipt["source"] == f"url: {server.address}"
    assert fetch(the_entry(server)) == folder
    assert len(server.requests) == 1
    assert not list((home() / "partial").iterdir())


def test_a_broken_connection_is_taken_up_where_it_stopped(server):
    server.cut_after = 400_000
    assert (fetch(the_entry(server)) / "weights.bin").read_bytes() == BODY
    assert server.asked("/weights.bin") == [None, "bytes=400000-", "bytes=800000-"]


def test_a_server_without_ranges_starts_anew(server):
    server.cut_after = 600_000
    server.ranges = False
    with pytest.raises(FetchError):
        fetch(the_entry(server))
    server.cut_after = None
    assert (fetch(the_entry(server)) / "weights.bin").read_bytes() == BODY


def test_a_stale_partial_file_does_not_spoil_the_fetch(server):
    downloads = home() / "partial" / "backbones-thing" / "files"
    downloads.mkdir(parents=True)
    (downloads / "weights.bin.part").write_bytes(b"other content" * 100)
    assert (fetch(the_entry(server)) / "weights.bin").read_bytes() == BODY


@pytest.mark.parametrize(
    ("served", "said"),
    [
        (b"x" * len(BODY), "sha256"),
        (BODY + b"more", "more than the pinned"),
        (BODY[:1000], "cut off at 1000"),
        (None, "404"),
    ],
)
def test_other_content_is_refused_and_nothing_is_left_in_place(server, served, said):
    server.content["/weights.bin"] = served
    with pytest.raises(FetchError, match=said):
        fetch(the_entry(server))
    assert not (home() / "backbones" / "thing").exists()
    server.content["/weights.bin"] = BODY
    assert (fetch(the_entry(server)) / "weights.bin").read_bytes() == BODY


def test_the_next_source_is_asked_and_the_error_tells_what_each_said(server):
    dead = {"kind": "url", "url": "http://127.0.0.1:9"}
    gone = {"kind": "url", "url": f"{server.address}/nowhere"}
    good = {"kind": "url", "url": server.address}
    started = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch(entry_of({"weights.bin": BODY}, [dead, gone]))
    assert time.monotonic() - started < 5
    assert "127.0.0.1:9" in caught.value.found
    assert "404" in caught.value.found
    assert caught.value.remedy
    assert fetch(entry_of({"weights.bin": BODY}, [dead, gone, good])).is_dir()


def test_a_damaged_folder_is_fetched_anew(server):
    folder = fetch(the_entry(server))
    (folder / "weights.bin").write_bytes(b"x" * len(BODY))
    assert (fetch(the_entry(server)) / "weights.bin").read_bytes() == BODY


def test_a_changed_entry_is_fetched_anew(server):
    fetch(the_entry(server))
    server.content["/weights.bin"] = b"new"
    assert (fetch(the_entry(server, b"new")) / "weights.bin").read_bytes() == b"new"


def test_two_processes_share_one_fetch(server, in_process):
    server.stall_after = 500_000
    both = [in_process(the_entry(server)) for _ in range(2)]
    wait_for(lambda: part_size() > 400_000)
    time.sleep(0.3)
    server.stall_after = None
    folders = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(folders) == 1
    assert server.asked("/weights.bin").count(None) == 1


def test_a_killed_fetch_leaves_nothing_in_place_and_goes_on_where_it_stopped(server, in_process):
    server.stall_after = 500_000
    process = in_process(the_entry(server))
    wait_for(lambda: part_size() > 400_000)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = part_size()
    assert not (home() / "backbones").exists()
    server.stall_after = None
    assert (fetch(the_entry(server)) / "weights.bin").read_bytes() == BODY
    assert server.asked("/weights.bin") == [None, f"bytes={kept}-"]


def test_too_little_space_is_told_before_anything_is_fetched(server, monkeypatch):
    usage = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(ResourceError, match="no space"):
        fetch(the_entry(server))
    assert server.requests == []


def test_a_home_that_cannot_be_made_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JOURNEYMAN_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ResourceError, match="home folder cannot be written"):
        home()
