"""The contracts' samples and the search for traces serve these tests too."""

import sys
from pathlib import Path

import pytest
from tiny import tiny_folder

for name in ("contracts", "traces"):
    sys.path.insert(0, str(Path(__file__).parents[1] / name))


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOURNEYMAN_HOME", str(tmp_path / "home"))
    tiny_folder(tmp_path / "tiny")
    return tmp_path
