"""Cross-validation in place of validation rows, and the rungs of few labels on the ladder."""

import numpy as np
import pytest
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.data.label_names import described, name_rows
from journeyman.data.options import DataOptions
from journeyman.tasks.base import Schema
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.folds import assign, crossed, folds_of
from journeyman.training.ladder import climb
from journeyman.training.options import FinetuneOptions
from journeyman.training.rungs.base import RUNGS, Situation


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    backbone = tiny_backbone(tmp_path_factory.mktemp("tiny"))
    return Sample("text-classification", backbone, train=36, validation=6)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return FeatureCache(tmp_path_factory.mktemp("cache"))


def made(sample, cache, judged=36, **options):
    chosen = FinetuneOptions.model_validate(options)
    found = sample.task, sample.backbone, sample.schema, sample.train
    return crossed(*found, judged, chosen, folds=3, seed=0, cache=cache)


def test_each_class_is_spread_over_the_folds(sample):
    placed = assign(sample.train, 4, seed=0)
    labels = sample.train.encoded.rows.argmax(1).numpy()
    for label in range(3):
        counts = np.bincount(placed[labels == label], minlength=4)
        assert counts.max() - counts.min() <= 1


def test_an_answer_comes_from_a_model_that_has_not_seen_the_row(sample, cache):
    """A row whose label is wrong is answered as its neighbours are, not as it says."""
    found = made(sample, cache, tuner="none", head="prototype")
    alone = sample.finetune(cache.folder, tuner="none", head="prototype", refit=False)
    inside = alone.learner.outputs(sample.train, alone.learner.uncached(sample.train))
    assert len(found.outputs) == 36
    assert not np.allclose(np.stack(found.outputs), np.stack(inside))
    score = sample.task.score(found.outputs, sample.train.targets, sample.schema, "accuracy")
    assert score > 0.6
    assert found.calibration["rows"] == 36


def test_rows_beyond_those_judged_are_always_learned_from(sample, cache):
    found = made(sample, cache, judged=30, tuner="none", head="prototype")
    assert len(found.outputs) == 30
    assert found.learner.head.statistics()["count"].item() == 36


def test_the_last_model_trains_as_long_as_was_best_on_the_folds(sample, cache):
    found = made(
        sample, cache, tuner="full", cut=2, head="ridge", epochs=3, patience=0, learning_rate=1e-3
    )
    assert 1 <= len(found.fitted.history) <= 3
    assert found.fitted.best_epoch == len(found.fitted.history)


def test_folds_are_for_few_labels_on_a_ladder_unless_said():
    few, many = Schema(("a", "b"), (8, 8)), Schema(("a", "b"), (400, 400))
    assert folds_of("auto", few, climbs=True) == 4
    assert folds_of("auto", few, climbs=False) == folds_of("auto", many, climbs=True) == 0
    assert folds_of(5, many, climbs=False) == 5
    assert folds_of("auto", Schema(range=(0.0, 1.0)), climbs=True) == 0


def test_the_ladder_has_rungs_for_few_labels(sample, cache):
    options = FinetuneOptions.model_validate({"tuner": "auto", "epochs": 1, "batch_size": 16})
    rows = sample.train.select(np.arange(36))
    found = climb(
        sample.task, sample.backbone, sample.schema, rows, rows, options,
        seed=0, cache=cache, folds=3,
    )  # fmt: skip
    tried = {one.rung: one for one in found.attempts}
    assert list(tried)[:3] == ["frozen", "prototype", "contrast"]
    assert all(tried[name].score is not None for name in ("frozen", "prototype", "contrast"))
    assert len(found.trained.outputs) == 36


def test_a_rung_of_few_labels_is_left_where_it_does_not_suit(sample):
    def why(rung, schema=sample.schema, task=sample.task, **options):
        chosen = FinetuneOptions.model_validate({"tuner": "auto", **options})
        return RUNGS[rung]().permits(Situation(task, sample.backbone, schema, chosen, 9, 3))

    assert why("contrast") is None
    assert why("prototype") is None
    assert "more than 64" in why("contrast", Schema(("a",), (65,)))
    assert "head ridge" in why("prototype", head="ridge")
    assert "not solved" in why("contrast", head="linear")


def test_labels_are_described_by_their_names_unless_told_otherwise():
    said = {"card_arrival": "When does my card come?"}
    assert described(["card_arrival", "top_up"], said) == {**said, "top_up": "top up"}
    assert described(["a"], None) == described(["a"], False) == {}
    data = DataOptions(
        train="x", text="text", label="topic", label_names=True, label_template="About {}."
    )
    assert name_rows(["top_up"], data, "label") == [{"text": "About top up.", "topic": "top_up"}]
    assert name_rows(["top_up"], data, "value") == []
