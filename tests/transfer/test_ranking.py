"""The ranking agrees with what fine-tuning from each start then reaches."""

import pytest
from tiny import tiny_backbone
from transfer_samples import write_rows

from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions
from journeyman.model import Model
from journeyman.tasks.base import TASKS
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import make_examples
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune
from journeyman.transfer.features import start_features
from journeyman.transfer.new_data import new_data
from journeyman.transfer.ranking import rank
from journeyman.transfer.start import model_start, plain_start
from journeyman.transfer.warm_start import Setting, carry, solved

OPTIONS = FinetuneOptions.model_validate(
    {"tuner": "full", "cut": 1, "head": "linear", "epochs": 8, "learning_rate": 5e-3,
     "batch_size": 8, "patience": 0}
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranking")
    write_rows(folder / "rows.csv", 400)
    return folder


def model(backbone, collection, task, cache, wrong):
    """A model of the moods, or of a question that has nothing to do with them."""
    rows = [dict(row) for row in collection.train.rows()]
    for at, row in enumerate(rows):
        row["label"] = ["bad", "good"][at % 2] if wrong else row["label"]
    targets = [task.target(row, collection.columns) for row in rows]
    schema = task.schema(targets)
    examples = make_examples(task, backbone, rows, collection.columns, schema)
    trained = finetune(task, backbone, schema, examples, examples, OPTIONS, seed=0, cache=cache)
    return Model("made", trained.learner, schema, collection.columns, trained.calibration)


def test_it_agrees_with_the_accuracy_that_fine_tuning_reaches(place):
    task, cache = TASKS["text-classification"](), FeatureCache(place / "features")
    backbone = tiny_backbone(place)
    said = {"train": str(place / "rows.csv"), "text": "text", "label": "label"}

    def gathered(domain):
        data = DataOptions(**said, where={"domain": domain})
        return collect(data, CollectOptions(), folder=place / domain, seed=0, kind="label")

    source, new = gathered("source"), new_data(gathered("target"), task, 0)
    good = model(backbone, source, task, cache, wrong=False)
    bad = model(backbone, source, task, cache, wrong=True)
    given = task, new.schema, 0
    starts = [
        plain_start(task, backbone, new.schema, 0),
        model_start("good", good, *given),
        model_start("bad", bad, *given),
    ]
    every = [start_features(start, new, cache) for start in starts]
    rows = new.chosen(16, 0)
    ranking = rank(every, rows, "accuracy")
    assert ranking[0].name == "good"
    assert max(ranking, key=lambda each: each.logme).name == "good"
    setting = Setting(OPTIONS, "accuracy", 0, cache)
    reached = {}
    for start in every:
        learner = carry(start, rows, "layers", setting).learner
        outputs = learner.outputs(start.test, learner.uncached(start.test))
        reached[start.start.name] = task.score(outputs, start.test.targets, new.schema, "accuracy")
    assert max(reached, key=lambda name: reached[name]) == "good", reached
    assert solved(every[1], rows, setting).learner.head.name == "ridge"
