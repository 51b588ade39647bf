"""What `journeyman datasets` and `backbones` print: narrow at a terminal, plain in a pipe."""

import json

import pytest
from rich.cells import cell_len
from rich.text import Text
from typer.testing import CliRunner

from journeyman.catalogue.listing import listing
from journeyman.cli import app

KINDS = ("backbones", "datasets")


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("JOURNEYMAN_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def printed(*arguments):
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_pipe_each_entry_is_three_plain_lines(kind):
    lines = printed(kind).splitlines()
    rows = listing(kind)
    assert len(lines) == 3 * len(rows)
    assert "\x1b" not in "".join(lines)
    for at, row in enumerate(rows):
        head, what, source = lines[3 * at : 3 * at + 3]
        assert head.split()[0] == row.name
        assert head.endswith(row.licence)
        assert "to fetch" in head
        assert row.modality in head.split() or kind == "datasets"
        assert (what.strip(), source.strip()) == (row.what, row.source)


@pytest.mark.parametrize("kind", KINDS)
def test_at_a_terminal_of_80_columns_nothing_is_cut_and_no_name_folds(kind, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    said = printed(kind)
    assert "\x1b" in said
    plain = Text.from_ansi(said).plain
    assert max(cell_len(line.rstrip()) for line in plain.splitlines()) <= 80
    whole = " ".join(plain.split())
    for row in listing(kind):
        assert row.name in plain
        assert row.what in whole
        assert "".join(row.source.split()) in "".join(plain.split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_reads_one_object_a_line(kind):
    said = [json.loads(line) for line in printed(kind, "--json").splitlines()]
    assert [row["name"] for row in said] == [row.name for row in listing(kind)]
