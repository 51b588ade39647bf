"""Label smoothing: the loss it gives, by kind of target, and that it reaches the loop."""

import numpy as np
import pytest
import torch
from contract_samples import Sample
from tiny import tiny_backbone
from torch.nn.functional import cross_entropy

from journeyman.errors import JourneymanError
from journeyman.tasks.base import IGNORED, TASKS
from journeyman.training.smoothing import smoothed_loss

OUTPUTS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, -3.0]])


def test_of_labels_it_is_what_torch_calls_label_smoothing():
    task = TASKS["text-classification"]()
    encoded = torch.eye(3)[[0, 1]]
    got = smoothed_loss(task, OUTPUTS, encoded, None, 0.2)
    assert got == pytest.approx(
        float(cross_entropy(OUTPUTS, torch.tensor([0, 1]), label_smoothing=0.2))
    )


def test_of_tags_too_where_positions_are_ignored():
    task = TASKS["token-classification"]()
    outputs, encoded = OUTPUTS.unsqueeze(0), torch.tensor([[2, IGNORED]])
    got = smoothed_loss(task, outputs, encoded, None, 0.2)
    wanted = cross_entropy(OUTPUTS[:1], torch.tensor([2]), label_smoothing=0.2)
    assert float(got) == pytest.approx(float(wanted))


def test_labels_that_do_not_exclude_each_other_move_towards_a_half():
    task = TASKS["multi-label-classification"]()
    encoded = torch.tensor([[1.0, 0.0, 0.0]])
    got = smoothed_loss(task, OUTPUTS[:1], encoded, None, 0.2)
    wanted = task.loss(OUTPUTS[:1], torch.tensor([[0.9, 0.1, 0.1]]), None)
    assert float(got) == pytest.approx(float(wanted))


def test_nought_is_the_loss_itself():
    task = TASKS["text-regression"]()
    values = torch.tensor([[1.0, 2.0, 3.0]])
    assert smoothed_loss(task, OUTPUTS[:1], values, None, 0.0) == task.loss(
        OUTPUTS[:1], values, None
    )


def test_values_have_nothing_to_smooth():
    with pytest.raises(JourneymanError) as caught:
        smoothed_loss(TASKS["text-regression"](), OUTPUTS, OUTPUTS, None, 0.1)
    assert caught.value.place == "finetune.label_smoothing"


def test_a_smoothed_model_is_less_sure(tmp_path):
    sample = Sample("text-classification", tiny_backbone(tmp_path), train=60, validation=21)
    options = {"tuner": "full", "head": "linear", "epochs": 12, "learning_rate": 1e-2}
    options |= {"head_learning_rate": 5e-2, "metric": "accuracy", "patience": 0}

    def largest(**more):
        learner = sample.finetune(tmp_path / "cache", **options, **more).learner
        outputs = learner.outputs(sample.validation, learner.uncached(sample.validation))
        return torch.softmax(torch.from_numpy(np.stack(outputs)), dim=1).max(dim=1).values.mean()

    assert largest(label_smoothing=0.9) < 0.45 < largest()
