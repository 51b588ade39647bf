"""Means of the weights: what they are, that validation judges them, that a stop changes none."""

import pytest
import torch
from contract_samples import Sample
from stopper import Stop, Stopper
from tiny import tiny_backbone
from torch import nn

from journeyman.training import loop
from journeyman.training.averages.base import AVERAGES
from journeyman.training.options import FinetuneOptions

OPTIONS = {
    "tuner": "full",
    "head": {"name": "linear", "dropout": 0.2},
    "epochs": 4,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "head_learning_rate": 1e-2,
    "patience": 0,
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    backbone = tiny_backbone(tmp_path_factory.mktemp("averages"))
    return Sample("text-classification", backbone, train=40, validation=21)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


def average_of(name, planned, **options):
    said = FinetuneOptions.model_validate({"average": {"name": name, **options}}).average
    parameter = nn.Parameter(torch.zeros(1))
    return AVERAGES[name](said, {"w": parameter}, planned), parameter


def after(average, parameter, values):
    for step, value in enumerate(values):
        parameter.data.fill_(value)
        average.after_step(step)
    return float(average.state()["w"])


def test_swa_is_the_plain_mean_of_the_last_part():
    average, parameter = average_of("swa", 6, start=0.5)
    assert after(average, parameter, [9.0, 9.0, 9.0, 1.0, 2.0, 6.0]) == pytest.approx(3.0)
    assert average.taken == 3


def test_ema_fades_at_its_decay_once_it_has_risen():
    average, parameter = average_of("ema", 400, decay=0.5)
    after(average, parameter, [4.0] * 100)
    parameter.data.fill_(0.0)
    average.after_step(100)
    average.after_step(101)
    assert float(average.state()["w"]) == pytest.approx(1.0)


def test_ema_soon_forgets_the_first_weights():
    average, parameter = average_of("ema", 400, decay=0.999)
    assert after(average, parameter, [100.0, *[1.0] * 30]) < 1.1


@pytest.mark.parametrize("name", list(AVERAGES))
def test_the_mean_stands_in_and_gives_way(name):
    average, parameter = average_of(name, 4)
    with average.in_place():
        assert parameter.item() == 0.0
    mean = after(average, parameter, [1.0, 2.0, 3.0, 5.0])
    with average.in_place():
        assert parameter.item() == pytest.approx(mean)
        assert mean != 5.0
    assert parameter.item() == 5.0


@pytest.mark.parametrize("name", list(AVERAGES))
def test_what_is_kept_is_the_mean_that_validation_judged(name, sample, cache, monkeypatch):
    means = []
    real = loop._Run.epoch

    def epoch(self, number, reporter):
        loss = real(self, number, reporter)
        means.append({n: v.clone() for n, v in self.means().items()})
        return loss

    monkeypatch.setattr(loop._Run, "epoch", epoch)
    got = sample.finetune(cache, **OPTIONS, average=name)
    kept, best = got.learner.parameters(), means[got.fitted.best_epoch - 1]
    if best:
        assert all(torch.equal(kept[n], best[n]) for n in best)
    assert means[-1].keys() == kept.keys()
    outputs = got.learner.outputs(sample.validation, got.learner.uncached(sample.validation))
    score = sample.task.score(outputs, sample.validation.targets, sample.schema, "macro_f1")
    assert score == pytest.approx(got.fitted.best_score)


@pytest.mark.parametrize("epoch", [2, 4])
@pytest.mark.parametrize("name", list(AVERAGES))
def test_a_stopped_run_goes_on_to_the_same_bytes(name, epoch, sample, cache, tmp_path):
    options = {**OPTIONS, "average": name, "label_smoothing": 0.1}
    wanted = sample.finetune(cache, **options)
    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        sample.finetune(cache, checkpoint=path, tracker=Stopper(epoch), **options)
    got = sample.finetune(cache, checkpoint=path, **options)
    theirs = wanted.learner.parameters()
    assert got.fitted == wanted.fitted
    assert all(torch.equal(p, theirs[n]) for n, p in got.learner.parameters().items())
