"""Tiny models of every task to ask for labels, made once; the contracts' samples serve here too."""

import sys
from pathlib import Path

import pytest

for room in ("contracts", "bad_input", "data"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))

from contract_samples import Sample, made_rows, tiny_backbone  # noqa: E402

from journeyman.model import Model  # noqa: E402
from journeyman.training.exam import make_exam  # noqa: E402


class Shelf:
    """Models by task, trained for a moment when they are first asked for, and never changed."""

    def __init__(self, place):
        self.place = place
        self.backbone = tiny_backbone(place / "tiny")
        self.made = {}

    def model(self, task="text-classification", **options):
        key = (task, *sorted(options))
        if key not in self.made:
            sample = Sample(task, self.backbone, train=24, validation=12)
            folder = self.place / "-".join(key)
            said = {"head": sample.task.default_head, "tuner": "none", "epochs": 1, **options}
            got = sample.finetune(folder / "features", **said)
            source = got.learner.uncached(sample.validation)
            exam = make_exam(got.learner, sample.data, sample.rows[24:], sample.validation, source)
            made = Model(
                task, got.learner, sample.schema, sample.data, got.calibration,
                {"data": "made", "rows": {"train": 24}, "parent": None}, exam,
            )  # fmt: skip
            made.save(folder / "model")
            self.made[key] = folder / "model"
        return Model.load(self.made[key])


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def model(shelf):
    """A model of three moods, with a solved head."""
    return shelf.model()


@pytest.fixture(scope="session")
def pool():
    """Rows like those it learned, and others."""
    return [{"text": row["text"]} for row in made_rows(40, seed=7)]


@pytest.fixture
def place(model, pool, tmp_path, monkeypatch):
    """A folder with the model and a pool to label, and the current one."""
    monkeypatch.chdir(tmp_path)
    model.save("model")
    lines = [row["text"] for row in pool]
    (tmp_path / "pool.txt").write_text("".join(f"{line}\n" for line in lines))
    return tmp_path
