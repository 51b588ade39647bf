"""A model that learns rows in a moment, by its head's statistics, and what is told of that."""

from contract_samples import Sample, made_rows, tiny_backbone, with_pictures

from journeyman.continual.options import UpdateOptions
from journeyman.continual.update import Retention, Update
from journeyman.model import Model
from journeyman.saved.manifest import read_manifest
from journeyman.training.exam import make_exam

ASKED = ["the cat sat in london", "anna was good", "a bad film about bob"]


def make_source(place, task="text-classification", head="ridge", name="mood"):
    """Train a model for a moment; gives its folder."""
    sample = Sample(task, tiny_backbone(place / "tiny"), train=24, validation=12)
    got = sample.finetune(place / "features", head=head, tuner="none")
    source = got.learner.uncached(sample.validation)
    exam = make_exam(got.learner, sample.data, sample.rows[24:], sample.validation, source)
    about = {"data": "made", "rows": {"train": 24}, "parent": None}
    made = Model(name, got.learner, sample.schema, sample.data, got.calibration, about, exam)
    return made.save(place / "model").folder


def taught(folder, rows=3, seed=0):
    """The model in a folder after it learned some rows."""
    model = Model.load(folder)
    new = made_rows(rows, seed + 100)
    for at, row in enumerate(new):
        row["text"] += f" very{seed}" + " long" * at
    if model.learner.task.modality == "image":
        new = with_pictures(new, seed + 100)
    return model.learn(new, UpdateOptions(retain=None, exam=0.0))


def told(parent, added=3, **more):
    """An update from a parent; its version is whatever the model's is."""
    kept = [
        Retention("all", "accuracy", 0.9, 0.95, 0.0, 0.1, 12),
        Retention("books", "accuracy", 0.8, 0.7, -0.2, 0.0, 6),
        Retention("new", "accuracy", None, 0.5, None, None, 3),
    ]
    said = {"retention": kept, "data": "d4" * 32, "added": added, "accepted": True, **more}
    kind = said.pop("kind", "learn")
    return Update(kind, "mood", "", parent, **said)


def serving(store, folder):
    """The folder of what serves; of a store in a database that is empty, the model's own."""
    if store.serving is not None or store.current is None:
        return folder
    return store.load("current")


def teach(store, folder, seed=0, *, promote=True, **more):
    """Teach the model that serves, through the store; gives the new version."""
    home = serving(store, folder)
    model = taught(home, seed=seed)
    version = store.add(model, told(read_manifest(home)["version"], **more), home)
    return store.promote(version.version) if promote else version


def answers(folder):
    """What a model says, without who says it."""
    found = [answer.to_json() for answer in Model.load(folder).predict(ASKED)]
    return [{**each, "version": ""} for each in found]
