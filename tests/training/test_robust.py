"""Generalised cross-entropy: between cross-entropy and the mean absolute error."""

import pytest
import torch
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.tasks.text_classification import TextClassification
from journeyman.training.objectives.robust import Robust, RobustOptions

TARGETS = torch.eye(4)[[0, 1, 2, 3, 0]]


def loss(q, outputs, targets=TARGETS, weights=None):
    return Robust(RobustOptions(q=q)).loss(TextClassification(), outputs, targets, weights)


def test_its_ends_are_cross_entropy_and_absolute_error():
    outputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    cross = torch.nn.functional.cross_entropy(outputs, TARGETS)
    assert loss(1e-4, outputs) == pytest.approx(cross.item(), rel=1e-3)
    own = outputs.softmax(1)[TARGETS.bool()]
    assert loss(1.0, outputs) == pytest.approx((1 - own).mean().item(), rel=1e-5)


def test_a_label_found_absurd_hardly_pulls():
    absurd, doubtful = (torch.tensor([[x, 0.0]], requires_grad=True) for x in (-8.0, 0.0))
    for outputs in (absurd, doubtful):
        loss(0.7, outputs, torch.tensor([[1.0, 0.0]])).backward()
    assert absurd.grad.abs().sum() < 0.05 * doubtful.grad.abs().sum()


def test_weights_of_classes_count():
    outputs = torch.zeros(5, 4)
    double = loss(0.7, outputs, weights=torch.full((4,), 2.0))
    assert double == pytest.approx(2 * loss(0.7, outputs).item())


def test_a_model_learns_by_it(tmp_path):
    sample = Sample("text-classification", tiny_backbone(tmp_path / "tiny"), 120, 40)
    trained = sample.finetune(
        tmp_path / "cache", objective="robust", tuner="none", head="linear", epochs=30,
        patience=0, head_learning_rate=0.1,
    )  # fmt: skip
    said = sample.task.score(trained.outputs, sample.validation.targets, sample.schema, "accuracy")
    assert said > 0.7


def test_a_task_of_other_targets_is_refused(tmp_path):
    sample = Sample("text-regression", tiny_backbone(tmp_path / "tiny"), 12, 6)
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(
            tmp_path / "cache", tuner="none", head="linear", epochs=1, objective="robust"
        )
    assert caught.value.place == "finetune.objective"
