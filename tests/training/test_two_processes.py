"""Two real processes give the model of one, write nothing, and are not outlived."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch
from contract_samples import Sample
from stopper import Stop, Stopper
from tiny import tiny_backbone

from journeyman.errors import JourneymanError, ResourceError
from journeyman.training.gradients import Gradients
from journeyman.training.options import FinetuneOptions
from journeyman.training.processes import followers
from journeyman.training.processes.job import JOB, read_job, weights_of, write_job

OPTIONS = {
    "head": {"name": "linear", "dropout": 0.0},
    "dropout": 0.0,
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "head_learning_rate": 1e-2,
    "patience": 0,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def sample(backbone):
    """33 rows: the last step of an epoch is one row, and one process has none of it."""
    return Sample("text-classification", backbone, train=33, validation=15)


def outputs_of(sample, got):
    return np.stack(got.learner.outputs(sample.validation, got.learner.uncached(sample.validation)))


def test_two_processes_give_the_model_of_one(sample, tmp_path):
    tuner = {"name": "lora", "dropout": 0.0}
    options = {**OPTIONS, "tuner": tuner, "cut": 1}
    one = sample.finetune(tmp_path / "cache", **options)
    threads = torch.get_num_threads()
    two = sample.finetune(tmp_path / "cache", processes=2, **options)
    assert torch.get_num_threads() == threads
    assert not torch.distributed.is_initialized()
    np.testing.assert_allclose(
        outputs_of(sample, two), outputs_of(sample, one), rtol=1e-3, atol=1e-3
    )
    losses = [[line["loss"] for line in got.fitted.history] for got in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@pytest.mark.long
def test_a_stopped_pair_goes_on_to_the_same_bytes(sample, tmp_path, monkeypatch):
    started = []
    real = subprocess.Popen

    def popen(*args, **kwargs):
        started.append(real(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(followers.subprocess, "Popen", popen)
    options = {**OPTIONS, "dropout": 0.2, "tuner": "full", "cut": 0, "processes": 2, "epochs": 3}
    wanted = sample.finetune(tmp_path / "cache", **options).learner.parameters()
    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        sample.finetune(tmp_path / "cache", checkpoint=path, tracker=Stopper(2), **options)
    got = sample.finetune(tmp_path / "cache", checkpoint=path, **options).learner.parameters()
    assert all(torch.equal(got[name], value) for name, value in wanted.items())
    assert len(started) == 3
    assert all(process.poll() is not None for process in started)


@pytest.mark.parametrize("task", ["text-classification", "token-classification"])
@pytest.mark.parametrize("cut", [0, 2])
def test_a_follower_has_the_gradients_of_its_leader(task, cut, backbone, tmp_path):
    sample = Sample(task, backbone, train=20, validation=6)
    options = FinetuneOptions(**OPTIONS, tuner="full", cut=cut)
    learner = sample.learner(**OPTIONS, tuner="full", cut=cut)
    source = learner.uncached(sample.train)
    mine = Gradients(learner, sample.schema, sample.train, source, options)
    write_job(tmp_path, mine, 3)
    theirs, seed = read_job(tmp_path)
    assert seed == 3
    for one, other in zip(mine.batches(3, 1), theirs.batches(3, 1), strict=True):
        assert np.array_equal(one, other)
    batch = np.arange(7)
    assert mine.add(batch) == pytest.approx(theirs.add(batch), rel=1e-6)
    others = theirs.learner.parameters()
    for name, parameter in learner.parameters().items():
        if parameter.grad is not None:
            torch.testing.assert_close(others[name].grad, parameter.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("task", ["image-classification", "object-detection"])
@pytest.mark.parametrize("cut", [0, 2])
def test_a_follower_has_the_gradients_of_its_leader_on_pictures(task, cut, backbone, tmp_path):
    sample = Sample(task, backbone, train=10, validation=4)
    head = OPTIONS["head"] if task == "image-classification" else "anchor-free"
    said = {**OPTIONS, "tuner": "full", "cut": cut, "head": head, "dropout": None}
    learner = sample.learner(**said)
    views = [text.seen_as("crop:5") for text in sample.train.texts]
    rows = replace(sample.train, texts=views, inputs=learner.backbone.prepare(views))
    source = learner.uncached(rows)
    mine = Gradients(learner, sample.schema, rows, source, FinetuneOptions(**said))
    write_job(tmp_path, mine, 3)
    theirs, _ = read_job(tmp_path)
    assert theirs.examples.inputs.keys == rows.inputs.keys != sample.train.inputs.keys
    batch = np.arange(5)
    assert mine.add(batch) == pytest.approx(theirs.add(batch), rel=1e-5)
    others = theirs.learner.parameters()
    given = [n for n, parameter in learner.parameters().items() if parameter.grad is not None]
    assert any(name.startswith("tuner/") for name in given)
    for name in given:
        wanted = learner.parameters()[name].grad
        torch.testing.assert_close(others[name].grad, wanted, rtol=1e-4, atol=1e-6)


def test_other_weights_are_noticed(backbone, tmp_path):
    sample = Sample("text-classification", backbone, train=20, validation=6)
    learner = sample.learner(**OPTIONS, tuner="full", cut=2)
    source = learner.uncached(sample.train)
    gradients = Gradients(learner, sample.schema, sample.train, source, FinetuneOptions(**OPTIONS))
    write_job(tmp_path, gradients, 0)
    before = weights_of(learner)
    text = (tmp_path / JOB).read_text().replace(str(before), str(before + 1))
    (tmp_path / JOB).write_text(text)
    with pytest.raises(RuntimeError, match="weights"):
        read_job(tmp_path)


def test_a_follower_that_cannot_start_is_told(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(followers, "write_job", lambda folder, gradients, seed: None)
    with pytest.raises(ResourceError) as caught:
        sample.finetune(tmp_path, tuner="full", processes=2, **OPTIONS)
    assert "job.json" in caught.value.found


def test_a_tuner_that_changes_by_the_step_is_trained_by_one_process(sample, tmp_path):
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(tmp_path, tuner="adalora", processes=2, **OPTIONS)
    assert caught.value.place == "finetune.processes"
