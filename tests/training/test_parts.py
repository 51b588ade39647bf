"""A step in parts is the step: gradient accumulation gives the model of the larger batch."""

import numpy as np
import pytest
import torch
from contract_samples import Sample, trained_head
from stopper import Stop, Stopper
from tiny import tiny_backbone

from journeyman.backbones.precision import wants_bfloat16
from journeyman.errors import JourneymanError
from journeyman.tasks.base import IGNORED, TASKS, Encoded
from journeyman.training.gradients import Gradients
from journeyman.training.options import FinetuneOptions
from journeyman.training.parts import mass, parts_of

OPTIONS = {
    "tuner": "full",
    "head": {"name": "linear", "dropout": 0.0},
    "dropout": 0.0,
    "epochs": 3,
    "learning_rate": 3e-3,
    "head_learning_rate": 1e-2,
    "patience": 0,
}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.mark.parametrize("rows", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_row_falls_to_one_part_of_one_process(rows, processes):
    batch = np.arange(100, 100 + rows)
    parts = [part for rank in range(processes) for part in parts_of(batch, 4, rank, processes)]
    assert sorted(np.concatenate(parts).tolist()) == batch.tolist()
    assert all(0 < len(part) <= -(-4 // processes) for part in parts)


def test_a_mass_is_what_the_mean_divides_by():
    rows = np.array([0, 1])
    assert mass(Encoded(torch.zeros(2, 3)), rows, None) == 2.0
    tags = Encoded([torch.tensor([0, IGNORED, 1]), torch.tensor([1])])
    assert mass(tags, rows, None) == 3.0
    assert mass(tags, rows, torch.tensor([0.5, 2.0])) == 4.5
    assert mass(tags, rows[:0], None) == 0.0


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("processes", [1, 2])
def test_the_gradients_of_the_parts_add_up(task, weights, processes, backbone):
    """7 rows in parts of 4, or of 2 in two processes: the shares are uneven."""
    sample = Sample(task, backbone, train=41, validation=9)
    learner = sample.learner(tuner="full", dropout=0.0, head=trained_head(task, dropout=0.0))
    options = {"class_weights": weights and sample.task.weighs_classes, "precision": "float32"}
    source = learner.uncached(sample.train)

    def gradients(size, ranks):
        chosen = FinetuneOptions(**options, batch_size=size)
        made = Gradients(learner, sample.schema, sample.train, source, chosen)
        loss = sum(made.add(np.arange(7), rank, ranks) for rank in range(ranks))
        found = [p.grad for p in learner.parameters().values() if p.grad is not None]
        for parameter in learner.parameters().values():
            parameter.grad = None
        return loss, torch.cat([gradient.flatten() for gradient in found])

    loss, whole = gradients(7, 1)
    parts_loss, parts = gradients(4, processes)
    assert parts_loss == pytest.approx(loss, rel=1e-5)
    assert float(whole.norm()) > 0.01
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)


def trained(sample, cache, **options):
    head = trained_head(sample.task.name, dropout=0.0)
    got = sample.finetune(cache, **{**OPTIONS, "head": head, **options})
    if sample.task.unit == "map":  # What is dropped of near boxes may differ by a last digit.
        source = got.learner.uncached(sample.validation)
        with torch.no_grad():
            boxes, chances = got.learner(source.gather(np.arange(9))).candidates()
        return torch.cat([boxes, chances], dim=-1).numpy().ravel(), got.fitted
    outputs = got.learner.outputs(sample.validation, got.learner.uncached(sample.validation))
    return np.concatenate([row.ravel() for row in outputs]), got.fitted


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("weights", [False, True])
def test_accumulation_gives_the_model_of_the_larger_batch(task, weights, backbone, cache):
    """41 rows in steps of 12: the last one is uneven, and its last part too."""
    if weights and not TASKS[task].weighs_classes:
        pytest.skip("no classes to weigh")
    sample = Sample(task, backbone, train=41, validation=9)
    options = {"class_weights": weights}
    if TASKS[task].kind == "boxes":
        # Which points learn is all or nothing: at this rate it is not for rounding to say.
        options |= {"learning_rate": 3e-4, "head_learning_rate": 1e-3}
    whole, wanted = trained(sample, cache, batch_size=12, **options)
    parts, got = trained(sample, cache, batch_size=3, accumulate=4, **options)
    assert got.steps == wanted.steps == 4 * OPTIONS["epochs"]
    np.testing.assert_allclose(parts, whole, rtol=1e-3, atol=2e-3)
    losses = [[line["loss"] for line in fitted.history] for fitted in (got, wanted)]
    assert losses[0] == pytest.approx(losses[1], rel=5e-3)


def test_a_stopped_accumulation_goes_on_to_the_same_bytes(backbone, cache, tmp_path):

    sample = Sample("text-classification", backbone, train=41, validation=9)
    options = {**OPTIONS, "batch_size": 3, "accumulate": 4, "dropout": 0.2}
    wanted = sample.finetune(cache, **options).learner.parameters()
    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        sample.finetune(cache, checkpoint=path, tracker=Stopper(2), **options)
    got = sample.finetune(cache, checkpoint=path, **options).learner.parameters()
    assert all(torch.equal(got[name], value) for name, value in wanted.items())


def test_rows_that_are_compared_are_not_taken_in_parts(backbone):
    sample = Sample("text-classification", backbone, train=12, validation=9)
    options = FinetuneOptions(objective="contrast", accumulate=2)
    learner = sample.learner(tuner="full", head="linear")
    source = learner.uncached(sample.train)
    with pytest.raises(JourneymanError) as caught:
        Gradients(learner, sample.schema, sample.train, source, options)
    assert caught.value.place == "finetune.accumulate"


@pytest.mark.parametrize("able", [False, True])
def test_automatic_precision_is_what_the_processor_multiplies(able, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able}, raising=False)
    assert wants_bfloat16("auto") is able
    assert wants_bfloat16("bfloat16")
    assert not wants_bfloat16("float32")


@pytest.mark.parametrize(
    ("precision", "kind"), [("bfloat16", torch.bfloat16), ("float32", torch.float32)]
)
def test_the_tuned_layers_multiply_in_the_precision_asked_for(precision, kind, backbone, cache):
    sample = Sample("text-classification", backbone, train=12, validation=9)
    learner = sample.learner(tuner="full", cut=1, head="linear")
    seen = []
    for module in learner.backbone.module.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda _m, _i, output: seen.append(output.dtype))
    options = FinetuneOptions(precision=precision)
    source = learner.uncached(sample.train)
    gradients = Gradients(learner, sample.schema, sample.train, source, options)
    layers = len(seen)
    gradients.add(np.arange(6))
    assert set(seen[layers:]) >= {kind}
    assert all(
        p.grad is None or p.grad.dtype == torch.float32 for p in learner.parameters().values()
    )
    learner.train(False)
    seen.clear()
    learner.outputs(sample.validation, learner.uncached(sample.validation))
    assert set(seen) == {torch.float32}
