"""A run with a model that was trained once for all tests of the watch; not to be changed."""

import pytest
from watch_samples import made


@pytest.fixture(scope="session")
def watched_home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def ground(tmp_path_factory, watched_home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEYMAN_HOME", str(watched_home))
        return made(tmp_path_factory.mktemp("watched"))


@pytest.fixture(autouse=True)
def at_home(watched_home, monkeypatch):
    monkeypatch.setenv("JOURNEYMAN_HOME", str(watched_home))
