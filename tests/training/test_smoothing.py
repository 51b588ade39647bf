"""Label smoothing: a share of each target is spread over all labels, where rows have one label."""

import math

import pytest
import torch
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.tasks.text_classification import TextClassification
from journeyman.training.objectives.labels import Labels, LabelsOptions


def test_a_share_of_each_target_is_spread():
    task, outputs = TextClassification(), torch.randn(5, 4)
    targets = torch.eye(4)[[0, 1, 2, 3, 0]]
    found = Labels(LabelsOptions(smoothing=0.2)).loss(task, outputs, targets, None)
    wanted = torch.nn.functional.cross_entropy(outputs, targets.argmax(1), label_smoothing=0.2)
    assert found == pytest.approx(wanted.item(), rel=1e-5)
    plain = Labels(LabelsOptions()).loss(task, outputs, targets, None)
    assert plain == pytest.approx(task.loss(outputs, targets, None).item())


def test_a_row_without_a_label_stays_without():
    loss = Labels(LabelsOptions(smoothing=0.2)).loss(
        TextClassification(), torch.randn(1, 4), torch.zeros(1, 4), None
    )
    assert loss == 0.0


def test_training_with_it_keeps_outputs_from_growing(tmp_path):
    sample = Sample("text-classification", tiny_backbone(tmp_path / "tiny"))
    said = {"tuner": "none", "head": "linear", "epochs": 30, "patience": 0}
    said["head_learning_rate"] = 0.1

    def largest(smoothing):
        objective = {"name": "labels", "smoothing": smoothing}
        trained = sample.finetune(tmp_path / "cache", objective=objective, **said)
        return max(float(row.max() - row.min()) for row in trained.outputs)

    soft, hard = largest(0.3), largest(0.0)
    assert math.isfinite(soft)
    assert soft < hard


def test_a_task_of_other_targets_is_refused(tmp_path):
    sample = Sample("text-regression", tiny_backbone(tmp_path / "tiny"), 12, 6)
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(
            tmp_path / "cache", tuner="none", head="linear", epochs=1,
            objective={"name": "labels", "smoothing": 0.1},
        )  # fmt: skip
    assert caught.value.place == "finetune.objective"
