"""A model to be taught, stores of every kind, and what teaches it for a moment."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "contracts"))
sys.path.append(str(Path(__file__).parents[1] / "bad_input"))

from postgresql import running
from store_samples import make_source

from journeyman.versions.store import Store


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """The folder of a model with a solved head; not to be changed."""
    return make_source(tmp_path_factory.mktemp("source"))


@pytest.fixture
def folder(source, tmp_path):
    """A model folder of a run, to be taught."""
    return Path(shutil.copytree(source, tmp_path / "runs" / "mood" / "model"))


@pytest.fixture(scope="session")
def server():
    with running() as database:
        yield database


@pytest.fixture
def url_of(request, tmp_path):
    """What gives the URL of an empty database of a kind."""

    def url(kind):
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / 'all.db'}"
        name = "".join(letter for letter in tmp_path.name.lower() if letter.isalnum())
        return request.getfixturevalue("server")(f"t{name}")

    return url


@pytest.fixture(params=["beside", "sqlite", "postgresql"])
def store(request, folder, url_of):
    """A store of each kind, for the model in `folder`."""
    if request.param == "beside":
        return Store.beside(folder)
    return Store.open(url_of(request.param), "mood")
