"""What every test shares: one thread, a home of its own, and no network."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
sys.path.insert(0, str(Path(__file__).parent))

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """No test reads or fills the user's cache."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("JOURNEYMAN_HOME", str(home))
    monkeypatch.delenv("JOURNEYMAN_DATA", raising=False)
    return home


@pytest.fixture(autouse=True)
def one_thread():
    """A run that took all cores leaves those after it one: two workers share them."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() > 1:
        torch.set_num_threads(1)
