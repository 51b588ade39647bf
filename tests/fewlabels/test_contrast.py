"""The contrastive objective: balanced batches at linear cost, a loss that groups classes."""

import numpy as np
import pytest
import torch
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.tasks.base import Encoded
from journeyman.training.objectives.contrast import Contrast, ContrastOptions


class Lengths:
    def __init__(self, count):
        self.lengths = np.full(count, 4)


def encoded(labels):
    return Encoded(torch.nn.functional.one_hot(torch.tensor(labels)).float())


def loss(vectors, labels):
    targets = encoded(labels).rows
    return float(Contrast(ContrastOptions()).loss(None, vectors, targets, None))


def test_classes_stand_alike_in_a_batch_and_an_epoch_costs_as_many_rows_as_there_are():
    labels = [0] * 40 + [1] * 6 + [2]
    objective = Contrast(ContrastOptions())
    batches = objective.batches(Lengths(47), encoded(labels), 12, seed=1, epoch=0)
    assert len(batches) == objective.steps(47, 12) == 4
    assert sum(map(len, batches)) == 48
    for batch in batches:
        counts = np.bincount(np.array(labels)[batch], minlength=3)
        assert counts.min() >= 2
        assert not (counts % 2).any()
    again = objective.batches(Lengths(47), encoded(labels), 12, seed=1, epoch=0)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    other = objective.batches(Lengths(47), encoded(labels), 12, seed=1, epoch=1)
    assert any(not np.array_equal(a, b) for a, b in zip(batches, other, strict=True))


def test_every_row_of_classes_alike_is_seen_once_an_epoch():
    labels = [at % 4 for at in range(32)]
    batches = Contrast(ContrastOptions()).batches(Lengths(32), encoded(labels), 8, seed=0, epoch=0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(32))


def test_the_loss_is_least_where_classes_lie_together():
    together = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    assert loss(together, [0, 0, 1, 1]) < 1e-6 < loss(together, [0, 1, 0, 1])


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return Sample("text-classification", tiny_backbone(tmp_path_factory.mktemp("tiny")))


def test_it_tunes_layers_so_that_a_solved_head_follows(sample, tmp_path):
    trained = sample.finetune(
        tmp_path, tuner="full", cut=1, head="prototype", objective="contrast", epochs=6,
        batch_size=12, learning_rate=3e-3, patience=0,
    )  # fmt: skip
    history = trained.fitted.history
    assert history[-1]["loss"] < history[0]["loss"]
    assert trained.learner.head.name == "prototype"
    outputs = trained.learner.outputs(
        sample.validation, trained.learner.uncached(sample.validation)
    )
    score = sample.task.score(outputs, sample.validation.targets, sample.schema, "accuracy")
    assert score > 0.8


def test_the_same_seed_gives_the_same_layers(sample, tmp_path):
    said = {"tuner": "full", "cut": 2, "head": "prototype", "objective": "contrast", "epochs": 1}
    first, second = (sample.finetune(tmp_path / str(n), **said) for n in range(2))
    for one, other in zip(
        first.learner.parameters().values(), second.learner.parameters().values(), strict=True
    ):
        assert torch.equal(one, other)
    assert torch.equal(first.learner.head.weight, second.learner.head.weight)


@pytest.mark.parametrize("task", ["text-regression", "multi-label-classification"])
def test_a_task_without_one_label_a_row_is_refused(task, tmp_path):
    other = Sample(task, tiny_backbone(tmp_path), train=12, validation=6)
    with pytest.raises(JourneymanError) as caught:
        other.finetune(tmp_path / "cache", tuner="full", cut=2, objective="contrast")
    assert caught.value.place == "finetune.objective"


def test_a_head_that_would_stay_untrained_is_refused(sample, tmp_path):
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(tmp_path, tuner="full", cut=2, head="linear", objective="contrast")
    assert caught.value.place == "finetune.objective"
