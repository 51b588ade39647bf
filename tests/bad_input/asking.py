"""Asking the command line, in this process or in one of its own, and looking at what is left."""

import contextlib
import io
import re
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

PARTS = ("where", "expected", "found", "remedy")


@dataclass(frozen=True)
class Told:
    """What a command answered."""

    code: int
    out: str
    err: str


class Stream(io.TextIOWrapper):
    """A text stream in memory, with the bytes below it."""

    def __init__(self, content=b""):
        super().__init__(io.BytesIO(content), encoding="utf-8", write_through=True)

    def text(self):
        return self.buffer.getvalue().decode("utf-8")


def ask(*arguments, stdin=b""):
    """Run `journeyman ARGUMENTS` in this process; `stdin` None is a closed standard input."""
    from journeyman.cli import main

    out, err = Stream(), Stream()
    given = None if stdin is None else Stream(stdin)
    with (
        patch.object(sys, "argv", ["journeyman", *map(str, arguments)]),
        patch.object(sys, "stdin", given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    return Told(code, out.text(), err.text())


def ask_outside(*arguments, stdin=b"", cwd=None, env=None, prefix=()):
    """Run `python -m journeyman ARGUMENTS` in a process of its own."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "journeyman", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=env,
        timeout=120,
        check=False,
    )
    return Told(done.returncode, done.stdout.decode(), done.stderr.decode())


def files_of(folder):
    """Every path below a folder: a file's digest, a folder's none."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def check_refusal(told, *said):
    """One error, told completely, with everything of `said` in it; nothing else on any stream."""
    assert told.code == 2, told
    assert told.out == "", told
    assert "Traceback" not in told.err
    lines = told.err.splitlines()
    assert lines[0].startswith("error: "), told.err
    assert sum(line.startswith("error") for line in lines) == 1, told.err
    named = [line.split(":")[0].strip() for line in lines if line.startswith("  ")]
    assert tuple(named) == PARTS, told.err
    for part in said:
        assert part in told.err, f"{part!r} is not in:\n{told.err}"


KEPT = re.compile(
    r"runs/bad/(\.lock|recipe\.yaml|journal\.jsonl|data/("
    r"[0-9a-f]{24}\.(arrow|json|refused\.jsonl)"
    r"|(train|validation|exam|test)-[0-9a-f]{16}\.npy|(collection|splits)\.json|quarantine\.jsonl"
    r"))"
)
"""What a run that found its data unusable may leave: its lock, its recipe, what was read whole."""


def check_left(folder, before):
    """All that was there is as it was, and what is new may be there."""
    after = files_of(folder)
    assert {name: after.get(name) for name in before} == before
    new = [name for name in after if name not in before and not name.startswith("home/")]
    assert [name for name in new if not KEPT.fullmatch(name)] == []
