"""Group DRO: weights follow losses, a step is the weighted sum, and a stop changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from contract_samples import Sample
from stopper import Stop, Stopper
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.training.gradients import Gradients
from journeyman.training.options import FinetuneOptions
from journeyman.training.robust import GroupWeights, RobustOptions

ROBUST = {"groups": "domain", "rate": 0.5}
OPTIONS = {
    "tuner": "full",
    "head": {"name": "linear", "dropout": 0.0},
    "dropout": 0.0,
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "patience": 0,
    "precision": "float32",
}


@pytest.fixture
def sample(tmp_path):
    """Rows of two domains, one of them rare."""
    made = Sample("text-classification", tiny_backbone(tmp_path / "net"), train=40, validation=12)
    domains = ["rare" if at % 5 == 0 else "common" for at in range(40)]
    made.train = replace(made.train, slices={"domain": domains})
    return made


def test_a_group_with_the_greater_loss_comes_to_weigh_more(sample):
    weights = GroupWeights(RobustOptions(**ROBUST), sample.train)
    assert weights.state() == {"common": 0.5, "rare": 0.5}
    weights.follow({0: 1.0, 1: 3.0})
    assert weights.weights.sum() == pytest.approx(1.0)
    assert weights.weights[1] / weights.weights[0] == pytest.approx(np.exp(0.5 * 2.0))


def test_a_step_is_the_weighted_sum_of_its_groups(sample):
    """Each group's mean counts by its weight, however few its rows and however they are parted."""
    learner = sample.learner(**OPTIONS)
    source, batch = learner.uncached(sample.train), np.arange(8)

    def gradient(rows, **options):
        chosen = FinetuneOptions(**{**OPTIONS, **options})
        made = Gradients(learner, sample.schema, sample.train, source, chosen)
        loss = made.add(rows)
        found = torch.cat(
            [p.grad.flatten() for p in learner.parameters().values() if p.grad is not None]
        )
        for parameter in learner.parameters().values():
            parameter.grad = None
        return loss, found

    rare, common = batch[batch % 5 == 0], batch[batch % 5 != 0]
    parts = [gradient(rows) for rows in (rare, common)]
    wanted = 0.5 * parts[0][1] + 0.5 * parts[1][1]
    for size in (8, 3):
        loss, got = gradient(batch, robust=ROBUST, batch_size=size)
        assert loss == pytest.approx(0.5 * parts[0][0] + 0.5 * parts[1][0], rel=1e-5)
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)


def test_a_stopped_run_goes_on_to_the_same_bytes(sample, tmp_path):
    options = {**OPTIONS, "robust": ROBUST}
    wanted = sample.finetune(tmp_path, **options).learner.parameters()
    plain = sample.finetune(tmp_path, **{**options, "robust": None}).learner.parameters()
    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        sample.finetune(tmp_path, checkpoint=path, tracker=Stopper(2), **options)
    got = sample.finetune(tmp_path, checkpoint=path, **options).learner.parameters()
    assert all(torch.equal(got[name], value) for name, value in wanted.items())
    assert not all(torch.equal(plain[name], value) for name, value in wanted.items())


def test_groups_that_are_not_there_are_told(sample, tmp_path):
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(tmp_path, robust={"groups": "region"}, **OPTIONS)
    assert caught.value.place == "finetune.robust.groups"
    assert "domain" in caught.value.expected
