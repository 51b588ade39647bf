"""The contracts' samples and the way to ask the command line serve these tests too."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "contracts"), str(ROOT / "bad_input")]

import pytest  # noqa: E402
from tiny import tiny_folder  # noqa: E402


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder with a backbone in it, where nothing is cached."""
    monkeypatch.chdir(tmp_path)
    tiny_folder(tmp_path / "tiny")
    return tmp_path
