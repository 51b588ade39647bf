"""Balance: what rare classes weigh, and that solved and trained heads learn by it."""

import numpy as np
import pytest
import torch
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.tasks.base import Encoded
from journeyman.training.balance import Balance, balanced
from journeyman.training.examples import Examples


def examples(labels, groups=None):
    targets = torch.nn.functional.one_hot(torch.tensor(labels, dtype=torch.long), 2).float()
    slices = {"place": groups} if groups else {}
    texts = [""] * len(labels)
    return Examples(texts, None, texts, Encoded(targets), slices)


def test_every_class_weighs_the_same_at_full_power_and_the_sum_stays():
    train, _ = balanced(examples([0, 0, 0, 1]), examples([0, 1]), Balance())
    assert train.encoded.rows.sum(0).tolist() == pytest.approx([2.0, 2.0])


def test_half_the_power_goes_half_the_way():
    train, _ = balanced(examples([0] * 9 + [1]), examples([]), Balance(power=0.5))
    zero, one = train.encoded.rows.sum(0).tolist()
    assert zero / one == pytest.approx(3.0)


def test_classes_are_balanced_within_each_value():
    labels, groups = [0, 0, 0, 1, 1, 1, 1, 0], ["a"] * 4 + ["b"] * 4
    balance = Balance(within="place")
    train, other = balanced(examples(labels, groups), examples([0, 0, 0], ["a", "b", "c"]), balance)
    rows = train.encoded.rows
    assert rows[:4].sum(0).tolist() == pytest.approx([2.0, 2.0])
    assert rows[4:].sum(0).tolist() == pytest.approx([2.0, 2.0])
    weights = other.encoded.rows[:, 0].tolist()
    assert weights == pytest.approx([2 / 3, 2.0, 1.0])


def test_nothing_asked_changes_nothing():
    train, validation = examples([0, 1]), examples([1])
    assert balanced(train, validation, None) == (train, validation)


@pytest.mark.parametrize("said", [{"head": "ridge"}, {"head": "linear", "epochs": 3}])
def test_a_rare_class_is_predicted_more_often(said, tmp_path):
    backbone = tiny_backbone(tmp_path / "backbone")
    sample = Sample("text-classification", backbone, train=40, validation=21)
    outputs = [
        sample.finetune(tmp_path / "cache", tuner="none", **said, **more).outputs
        for more in ({}, {"balance": 1.0})
    ]
    rare = int(np.argmin(sample.schema.counts))
    plain, raised = (np.stack(rows) for rows in outputs)
    assert (raised[:, rare] - raised.mean(1)).mean() > (plain[:, rare] - plain.mean(1)).mean()
