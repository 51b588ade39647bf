"""`journeyman watch`: events as lines of JSON, wrong uses as one error."""

import io
import json
import os
import signal
import sys
import time

import pytest
from forked import start
from watch_samples import blind, texts, write

from journeyman.cli import main


@pytest.fixture
def run(ground):
    return ground


def asked(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["journeyman", "watch", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_events_are_lines_and_the_state_is_where_it_was_asked_for(
    run, tmp_path, capsys, monkeypatch
):
    rows = [*blind(texts("paris", 260, seed=3)), *blind(texts("acme", 260, seed=1))]
    file = write(tmp_path / "s.jsonl", rows)
    more = ["--observe", "--state", tmp_path / "state", "--detector", "input-shift"]
    code, out, _ = asked([run, file, *more], capsys, monkeypatch)
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [one["event"] for one in told] == ["began", "alarm", "ended"]
    assert list(told[-1]["strength"]) == ["input-shift"]
    assert {path.name for path in (tmp_path / "state").iterdir()} == {
        "memory.json", "detectors.safetensors", "events.jsonl",
    }  # fmt: skip
    assert not (run / "model.watch").exists()
    code, out, _ = asked([run, file, *more], capsys, monkeypatch)
    assert json.loads(out.splitlines()[0])["row"] == 520


def test_rows_are_piped_in(run, tmp_path, capsys, monkeypatch):
    stream = io.BytesIO("".join(json.dumps(r) + "\n" for r in texts("paris", 70, 4)).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    code, out, _ = asked([run, "-", "--state", tmp_path / "state"], capsys, monkeypatch)
    assert code == 0
    assert json.loads(out.splitlines()[-1])["row"] == 70


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "no such stream"),
        (["{file}", "--act", "pray"], "learn | ask | tell"),
        (["{file}", "--detector", "input-shft"], "did you mean 'input-shift'"),
        (["{file}", "--ask", "0"], "--ask"),
        (["{file}", "--labels", "{wrong}"], "labels for this model"),
    ],
)
def test_a_wrong_use_is_one_error(run, tmp_path, capsys, monkeypatch, arguments, said):
    names = {
        "file": write(tmp_path / "s.jsonl", blind(texts("paris", 3))),
        "wrong": write(tmp_path / "wrong.jsonl", [{"nothing": 1}]),
    }
    given = [each.format(**names) for each in arguments]
    code, _out, err = asked([run, *given, "--state", tmp_path / "state"], capsys, monkeypatch)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_killed_as_rows_arrive_it_goes_on_and_tells_each_decision_once(
    run, tmp_path, monkeypatch, capsys
):
    """Three real kills while a file grows; afterwards every row was seen, and one alarm told."""
    stream = [*blind(texts("paris", 900, seed=3)), *blind(texts("acme", 400, seed=1))]
    file, state = tmp_path / "s.jsonl", tmp_path / "state"
    write(file, stream[:64])
    grown = 64
    for upto in (640, 960, 1180):
        out = tmp_path / f"out-{upto}"
        arguments = ["watch", run, file, "--follow", "--observe", "--state", state]
        process = start("journeyman", *arguments, ends={1: str(out), 2: os.devnull})
        _until(lambda out=out: out.is_file() and "began" in out.read_text(), process)
        write(file, stream[grown:upto], "a")
        grown = upto
        _until(lambda upto=upto: _rows(state) > upto - 400, process)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
    write(file, stream[grown:], "a")
    code, out, _ = asked([run, file, "--observe", "--state", state], capsys, monkeypatch)
    assert code == 0
    assert json.loads(out.splitlines()[-1])["row"] == len(stream)
    told = [json.loads(line) for line in (state / "events.jsonl").read_text().splitlines()]
    alarms = [one["row"] for one in told if one["event"] == "alarm"]
    assert len(alarms) == 1
    assert 900 < alarms[0] < 1150


def _rows(state):
    """How many rows are remembered as seen."""
    memory = state / "memory.json"
    return json.loads(memory.read_text())["rows"] if memory.is_file() else 0


def _until(holds, process):
    """Wait for something a process does, while it lives."""
    while not holds():
        assert process.exitcode is None
        time.sleep(0.05)
