"""Answers spread over neighbours: against a graph written out, and within self-training."""

import numpy as np
import pytest
from test_self_training import OFFERED, begun, course, trained_on

from journeyman.training import neighbours, self_training
from journeyman.training.gain import Gain
from journeyman.training.neighbours import SHARE, SHARPNESS, Graph
from journeyman.training.pseudo_labels import SelfTrainingOptions
from journeyman.training.self_training import self_train


def blobs(seed=0, each=40, spread=0.35):
    """Three bunches of directions, and which each row is of."""
    draw = np.random.default_rng(seed)
    centres = np.eye(3, 8)
    labels = np.repeat(np.arange(3), each)
    rows = centres[labels] + spread * draw.standard_normal((3 * each, 8))
    return rows.astype(np.float32), labels


def test_spreading_is_the_closed_form(monkeypatch):
    rows, labels = blobs(each=8)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = units @ units.T
    np.fill_diagonal(cosines, -2)
    near = cosines >= np.sort(cosines, axis=1)[:, -4:-3]
    weights = np.where(near | near.T, np.exp(SHARPNESS * (cosines - 1)), 0.0)
    scale = 1 / np.sqrt(weights.sum(1))
    links = scale[:, None] * weights * scale
    start = np.eye(3)[labels]
    start[1::2] = 1 / 3
    wanted = (1 - SHARE) * np.linalg.inv(np.eye(24) - SHARE * links) @ start
    wanted /= wanted.sum(1, keepdims=True)
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    found = Graph.of(rows, 4).spread(start.astype(np.float32))
    assert np.allclose(found, wanted, atol=1e-3)


def test_neighbours_mend_answers_that_are_wrong():
    rows, labels = blobs()
    draw = np.random.default_rng(1)
    said = np.where(draw.random(len(labels)) < 0.3, draw.integers(0, 3, len(labels)), labels)
    start = np.full((len(labels), 3), 0.2, dtype=np.float32)
    start[np.arange(len(labels)), said] = 0.6
    found = Graph.of(rows).spread(start).argmax(1)
    assert np.mean(found == labels) > 0.95 > np.mean(said == labels)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_few_rows_are_no_trouble(count):
    rows = np.ones((count, 4), dtype=np.float32)
    start = np.full((count, 2), 0.5, dtype=np.float32)
    assert np.allclose(Graph.of(rows).spread(start), start)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    from contract_samples import Sample
    from tiny import tiny_backbone

    return Sample("text-classification", tiny_backbone(tmp_path_factory.mktemp("tiny")), 24, 30)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    from journeyman.training.cache import FeatureCache

    return FeatureCache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def paying(monkeypatch):
    monkeypatch.setattr(self_training, "gain", lambda *_: Gain(0.1, 0.05, 0.8, 0.7))


@pytest.mark.parametrize("folds", [0, 3])
def test_labels_are_those_that_neighbours_agree_on(sample, cache, paying, folds):
    said = {"precision": 0.6, "rounds": 2}
    made = course(sample, cache, folds)
    alone = trained_on(made, **said)
    found = trained_on(made, method="neighbours", **said)
    assert 0 < found.rows <= len(OFFERED.texts)
    assert found.rounds[0].threshold != alone.rounds[0].threshold
    assert found.rounds == trained_on(made, method="neighbours", **said).rounds


@pytest.mark.parametrize("folds", [0, 3])
def test_labels_of_held_out_rows_play_no_part_in_what_is_spread(
    sample, cache, paying, folds, monkeypatch
):
    given = []
    real = self_training.agreed

    def watched(learner, cache, temperature, learned, others):
        (_, outputs), (held, told) = others
        given.append((len(learned), len(held), len(told), len(outputs)))
        assert not set(learned.ids) & set(held.ids)
        return real(learner, cache, temperature, learned, others)

    monkeypatch.setattr(self_training, "agreed", watched)
    made = course(sample, cache, folds)
    self_train(made, begun(made), OFFERED, SelfTrainingOptions(
        precision=0.6, rounds=1, method="neighbours"
    ))  # fmt: skip
    parts = [(16, 8, 8, 90)] * 3 + [(24, 0, 0, 90)] if folds else [(24, 30, 30, 90)]
    assert given == parts
