"""Balance: what rare classes weigh, and that solved and trained heads learn by it."""

import numpy as np
import pytest
import torch
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.tasks.base import Encoded
from journeyman.training.balance import Balance, class_weights
from journeyman.training.examples import Examples


def examples(labels, groups=None):
    targets = torch.nn.functional.one_hot(torch.tensor(labels, dtype=torch.long), 2).float()
    slices = {"place": groups} if groups else {}
    texts = [""] * len(labels)
    return Examples(texts, None, texts, Encoded(targets), slices)


def scaled(train, balance, other=None):
    """Targets of the other rows (or of the training rows themselves) as the training rows weigh."""
    return class_weights(train, balance).scaled(train if other is None else other).encoded.rows


def test_every_class_weighs_the_same_at_full_power_and_the_sum_stays():
    assert scaled(examples([0, 0, 0, 1]), Balance()).sum(0).tolist() == pytest.approx([2.0, 2.0])


def test_half_the_power_goes_half_the_way():
    zero, one = scaled(examples([0] * 9 + [1]), Balance(power=0.5)).sum(0).tolist()
    assert zero / one == pytest.approx(3.0)


def test_no_rows_stay_none():
    assert scaled(examples([0, 1]), Balance(), examples([])).shape == (0, 2)


def test_classes_are_balanced_within_each_value():
    train = examples([0, 0, 0, 1, 1, 1, 1, 0], ["a"] * 4 + ["b"] * 4)
    balance = Balance(within="place")
    rows = scaled(train, balance)
    assert rows[:4].sum(0).tolist() == pytest.approx([2.0, 2.0])
    assert rows[4:].sum(0).tolist() == pytest.approx([2.0, 2.0])
    other = scaled(train, balance, examples([0, 0, 0], ["a", "b", "c"]))
    assert other[:, 0].tolist() == pytest.approx([2 / 3, 2.0, 1.0])


def test_a_column_that_is_not_at_hand_is_told():
    with pytest.raises(JourneymanError) as caught:
        class_weights(examples([0, 1], ["a", "b"]), Balance(within="shop"))
    assert (caught.value.place, caught.value.found) == ("finetune.balance.within", "shop")


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


def test_the_model_keeps_the_weights(tmp_path):
    backbone = tiny_backbone(tmp_path / "backbone")
    sample = Sample("text-classification", backbone, train=40, validation=21)
    kept = sample.finetune(tmp_path / "cache", balance=1.0).calibration["balance"]
    weights = class_weights(sample.train, Balance()).table[""]
    assert kept["weights"][""] == pytest.approx(weights.tolist())
