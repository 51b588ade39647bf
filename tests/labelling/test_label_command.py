"""`journeyman label`: on a terminal, through a kill and back, and where there is no terminal."""

import csv
import json
import os
import select
import signal
import struct
from typing import ClassVar

import pytest
from asking import Stream, ask, check_refusal
from forked import start

import journeyman

pty = pytest.importorskip("pty")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")


class Terminal:
    """`journeyman ARGUMENTS` on a terminal of its own."""

    open: ClassVar[list] = []

    def __init__(self, *arguments):
        self.open.append(self)
        self.end, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        self.process = start(
            "journeyman", *arguments, terminal=os.ttyname(other), environment=environment
        )
        select.select([self.end, self.process.sentinel], [], [], 240)
        os.close(other)  # Not before it is open in the process, or it would have ended.
        self.shown = ""

    def until(self, text, seconds=240):
        """Read on until this is shown."""
        while text not in self.shown:
            ready, _, _ = select.select([self.end], [], [], seconds)
            assert ready, f"{text!r} is not in {self.shown[-2000:]!r}"
            try:
                self.shown += os.read(self.end, 65536).decode("utf-8", "replace")
            except OSError:  # What a terminal says once its program has ended.
                break
        assert text in self.shown, self.shown[-2000:]

    def press(self, keys):
        self.shown = ""
        os.write(self.end, keys.encode())

    def close(self):
        self.process.join(60)
        os.close(self.end)
        self.open.remove(self)
        return self.process.exitcode


@pytest.fixture(autouse=True)
def nothing_left():
    """A sitting that a test leaves is ended."""
    yield
    for terminal in list(Terminal.open):
        terminal.process.kill()
        terminal.close()


def given(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_sitting_survives_a_kill_and_goes_on_and_learns(place):
    labels = place / "pool.labels.jsonl"
    first = Terminal("label", "model", "pool.txt", "--batch", "4", "--strategy", "random")
    first.until("q quit")
    first.press("1")
    first.until("row 2 of 4")
    first.press("23")
    first.until("row 4 of 4")
    os.kill(first.process.pid, signal.SIGKILL)
    assert first.close() == -signal.SIGKILL
    assert [row["label"] for row in given(labels)] == ["bad", "good", "plain"]
    held = {row["id"] for row in given(labels)}

    second = Terminal("label", "model", "pool.txt", "--batch", "2", "--learn")
    second.until("3 before")
    second.press("\r")
    second.until("row 2 of 2")
    second.press("u")
    second.until("Undone")
    second.press("22")
    second.until("row 3 of 4")
    second.until("Learned 5 rows")  # The last line of that screen, which comes in pieces.
    second.press("q")
    second.until("2 labels given now, 5 in pool.labels.jsonl")
    assert "learn them" not in second.shown
    assert second.close() == 0
    rows = given(labels)
    assert [row["label"] for row in rows[3:]] == ["good", "good"]
    assert len(held | {row["id"] for row in rows}) == 5
    known = {line.id for line in journeyman.load("model").single().learner.ledger or ()} or None
    told = ask("learn", "model", "pool.labels.jsonl", "--exam", "0", "--retain", "0")
    assert told.code == 0, told.err
    rows = json.loads(told.out)["rows"]
    assert (rows["added"], rows["replaced"]) == (0, 5)
    assert known is None or held <= known


def test_an_interrupt_keeps_what_was_given(place):
    made = Terminal("label", "model", "pool.txt", "--labels", "mine.jsonl")
    made.until("q quit")
    made.press("1")
    made.until("row 2 of")
    made.shown = ""
    os.kill(made.process.pid, signal.SIGINT)
    made.until("learn them: journeyman learn model mine.jsonl --exam 0")
    assert made.close() == 130
    assert len(given(place / "mine.jsonl")) == 1


def test_without_a_terminal_the_queue_is_lines(place):
    told = ask("label", "model", "pool.txt", "--batch", "5")
    assert told.code == 0, told.err
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert len(lines) == 5
    assert all(line["label"] is None and line["answer"]["label"] for line in lines)


def test_labels_given_before_are_not_asked_for_again(place):
    lines = ask("label", "model", "pool.txt", "--batch", "5").out.splitlines()
    row = json.loads(lines[0])
    (place / "pool.labels.jsonl").write_text(json.dumps({**row, "label": "good"}) + "\n")
    again = ask("label", "model", "pool.txt", "--batch", "50").out.splitlines()
    assert row["id"] not in {json.loads(line)["id"] for line in again}


@pytest.mark.parametrize("name", ["queue.csv", "queue.jsonl"])
def test_a_file_that_was_filled_in_is_learned_as_it_is(place, name):
    told = ask("label", "model", "pool.txt", "--batch", "6", "--output", name)
    assert told.code == 0, told.err
    path = place / name
    if name.endswith("csv"):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "label": "good"} for row in rows)
    else:
        rows = given(path)
        path.write_text("".join(json.dumps({**row, "label": "good"}) + "\n" for row in rows))
    assert {row["label"] or None for row in rows} == {None}
    told = ask("learn", "model", name, "--exam", "0", "--retain", "0")
    assert told.code == 0, told.err
    assert json.loads(told.out)["rows"]["added"] == 6


def test_what_was_removed_on_request_is_not_asked_about(place):
    row = json.loads(ask("label", "model", "pool.txt", "--batch", "1").out)
    (place / "one.jsonl").write_text(json.dumps({**row, "label": "good"}) + "\n")
    assert ask("learn", "model", "one.jsonl", "--exam", "0", "--retain", "0").code == 0
    assert ask("unlearn", "model", "--ids", row["id"]).code == 0
    lines = ask("label", "model", "pool.txt", "--batch", "100").out.splitlines()
    assert lines
    assert row["id"] not in {json.loads(line)["id"] for line in lines}


def test_suspects_are_in_the_queue(place):
    audit = {"id": "x", "given": "good", "likely": "bad", "suspect": True, "score": 0.9,
             "reasons": ["disagrees"], "text": "an awful film"}  # fmt: skip
    (place / "audit.jsonl").write_text(json.dumps(audit) + "\n")
    told = ask("label", "model", "pool.txt", "--batch", "2", "--suspects", "audit.jsonl")
    line = json.loads(told.out.splitlines()[1])
    assert (line["why"], line["text"], line["suspect"]["given"]) == (
        "suspect", "an awful film", "good",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model", "empty.txt"], "is empty"),
        (["model", "missing.txt"], "does not exist"),
        (["model", "other.csv"], "no column 'text'"),
        (["nowhere", "pool.txt"], "model"),
        (["model", "pool.txt", "--strategy", "margins"], "strategy"),
        (["model", "pool.txt", "--format", "xml", "--output", "q"], "format"),
        (["model", "pool.txt", "--output", "q.xlsx"], "format"),
        (["model", "pool.txt", "--format", "csv"], "--output"),
        (["model", "pool.txt", "--output", "other.csv"], "overwrite"),
        (["model", "pool.txt", "--labels", "foreign.jsonl"], "labels for this model"),
        (["model", "pool.txt", "--suspects", "foreign.jsonl"], "audit"),
        (["model", "pool.txt", "--learn"], "terminal"),
        (["model", "learned.txt"], "left to label"),
    ],
)
def test_a_wrong_use_is_told_and_nothing_is_written(place, arguments, said):
    from contract_samples import made_rows

    (place / "empty.txt").write_text("\n")
    (place / "other.csv").write_text("message\nthe cat sat\n")
    (place / "foreign.jsonl").write_text('{"message": "a", "topic": "b"}\n')
    (place / "learned.txt").write_text("".join(f"{row['text']}\n" for row in made_rows(24)))
    before = sorted(path.name for path in place.iterdir())
    told = ask("label", *arguments)
    assert told.code == 2
    assert said in told.err
    check_refusal(told)
    assert sorted(path.name for path in place.iterdir()) == before


def test_pictures_are_not_labelled_on_a_terminal(shelf, tmp_path, monkeypatch):
    from contract_samples import made_rows, with_pictures

    monkeypatch.chdir(tmp_path)
    shelf.model("image-classification").save("model")
    rows = with_pictures(made_rows(3, seed=3), 3)
    (tmp_path / "pool.csv").write_text("image\n" + "".join(f"{row['image']}\n" for row in rows))
    monkeypatch.setattr(Stream, "isatty", lambda self: True)
    told = ask("label", "model", "pool.csv")
    check_refusal(told, "image-classification", "--format label-studio")
