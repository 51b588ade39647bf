"""Co-teaching: each of two heads learns the rows that the other finds easy."""

import numpy as np
import pytest
import torch
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.tasks.text_classification import LabelTarget, TextClassification
from journeyman.training.examples import Examples
from journeyman.training.objectives.co_teaching import CoTeaching, CoTeachingOptions

TASK = TextClassification()


def objective(epoch=0, **said):
    made = CoTeaching(CoTeachingOptions(**said))
    made.epoch = epoch
    return made


def test_each_head_learns_what_the_other_finds_easy():
    targets = torch.eye(2)[[0, 0, 0, 0]]
    first = torch.tensor([[4.0, 0], [3.0, 0], [0, 3.0], [0, 4.0]], requires_grad=True)
    other = torch.tensor([[0, 4.0], [0, 3.0], [3.0, 0], [4.0, 0]], requires_grad=True)
    outputs = torch.cat([first, other], 1)
    objective(wrong=0.5, rising=1).loss(TASK, outputs, targets, None).backward()
    assert (first.grad.abs().sum(1) > 0).tolist() == [False, False, True, True]
    assert (other.grad.abs().sum(1) > 0).tolist() == [True, True, False, False]


def test_a_class_that_weighs_more_is_not_left_out_for_it():
    targets = torch.eye(2)[[0, 1]]
    first = torch.tensor([[1.0, 0], [0, 2.0]], requires_grad=True)
    other = torch.tensor([[1.0, 0], [0, 2.0]])
    outputs, weights = torch.cat([first, other], 1), torch.tensor([1.0, 50.0])
    objective(wrong=0.5, rising=1).loss(TASK, outputs, targets, weights).backward()
    assert (first.grad.abs().sum(1) > 0).tolist() == [False, True]


def test_more_rows_are_left_out_from_epoch_to_epoch():
    said = {"wrong": 0.4, "rising": 4}
    assert [objective(epoch, **said).taught(10) for epoch in range(6)] == [9, 8, 7, 6, 6, 6]
    assert objective(9, wrong=0.99, rising=1).taught(4) == 1


def test_while_nothing_is_left_out_it_is_cross_entropy_of_both():
    random = torch.Generator().manual_seed(0)
    first, other = torch.randn(2, 5, 3, generator=random)
    targets = torch.eye(3)[[0, 1, 2, 1, 0]]
    found = objective(wrong=0.01, rising=100).loss(
        TASK, torch.cat([first, other], 1), targets, None
    )
    cross = torch.nn.functional.cross_entropy
    expected = (cross(first, targets) + cross(other, targets)) / 2
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def spoiled(rows, labels, share):
    """The rows, a share of which have the next label instead."""
    random = np.random.default_rng(0)
    wrong = random.random(len(rows)) < share
    names = list(labels)
    targets = [
        LabelTarget(names[(names.index(t.label) + 1) % len(names)]) if w else t
        for t, w in zip(rows.targets, wrong, strict=True)
    ]
    return targets


def test_wrong_labels_pull_less_than_at_plain_cross_entropy(tmp_path):
    sample = Sample("text-classification", tiny_backbone(tmp_path / "tiny"), 240, 80)
    train = sample.train
    targets = spoiled(train, sample.schema.labels, 0.35)
    encoded = sample.task.encode(targets, sample.schema, train.inputs, train.texts)
    sample.train = Examples(train.texts, train.inputs, targets, encoded)
    how = {"tuner": "none", "epochs": 60, "patience": 0, "head_learning_rate": 0.1}
    how |= {"batch_size": 60, "schedule": "constant"}
    accuracy = []
    for more in (
        {"head": "linear"},
        {"head": "twin", "objective": {"name": "co-teaching", "wrong": 0.35, "rising": 5}},
    ):
        trained = sample.finetune(tmp_path / "cache", **how, **more)
        last = trained.fitted.history[-10:]
        accuracy.append(np.mean([epoch["macro_f1"] for epoch in last]))
    assert accuracy[1] > accuracy[0] + 0.02


class Stopper:
    """Ends training as a crash would, after so many epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def log(self, figures, epoch):
        if epoch > self.epochs:
            raise KeyboardInterrupt


def test_a_run_broken_off_goes_on_to_the_same_heads(tmp_path):
    sample = Sample("text-classification", tiny_backbone(tmp_path / "tiny"), 60, 20)
    how = {"tuner": "bitfit", "head": "twin", "epochs": 4, "patience": 0}
    how |= {"objective": {"name": "co-teaching", "wrong": 0.3, "rising": 4}}
    whole = sample.finetune(tmp_path / "cache", **how)
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        sample.finetune(tmp_path / "cache", checkpoint=path, tracker=Stopper(2), **how)
    again = sample.finetune(tmp_path / "cache", checkpoint=path, **how)
    for name, value in whole.learner.parameters().items():
        assert torch.equal(value, again.learner.parameters()[name]), name


@pytest.mark.parametrize(("head", "found"), [("linear", "linear"), ("ridge", "ridge")])
def test_another_head_is_refused(tmp_path, head, found):
    sample = Sample("text-classification", tiny_backbone(tmp_path / "tiny"), 12, 6)
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(
            tmp_path / "cache", tuner="bitfit", head=head, epochs=1, objective="co-teaching"
        )
    assert caught.value.place == "finetune.objective"
    assert found in caught.value.found
    assert "head: twin" in caught.value.remedy


def test_its_steps_cannot_be_taken_in_parts(tmp_path):
    sample = Sample("text-classification", tiny_backbone(tmp_path / "tiny"), 12, 6)
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(
            tmp_path / "cache", tuner="none", head="twin", epochs=1, accumulate=2,
            objective="co-teaching",
        )  # fmt: skip
    assert caught.value.place == "finetune.accumulate"
