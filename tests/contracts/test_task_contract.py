"""Every registered task, with every head it lists and every tuner: from targets to figures."""

import json
import math
import random

import numpy as np
import pytest
import torch
from contract_samples import Sample, cuts_of, made_rows
from tiny import tiny_backbone

from journeyman.tasks.base import TASKS, Schema
from journeyman.tasks.text_classification import LabelTarget
from journeyman.tuners.base import TUNERS
from journeyman.types import (
    BoxesPrediction,
    EntitiesPrediction,
    LabelPrediction,
    MultiLabelPrediction,
)

ELSEWHERE = {"words", "native"}
"""Heads that stand on backbones of their own, whose tests hold them to the same."""


def trained_together():
    """Each task with every head it lists and with every tuner; heads meet tuners in turn."""
    for task in TASKS:
        boxes = TASKS[task].kind == "boxes"
        heads = [name for name in TASKS[task].heads() if name not in ELSEWHERE]
        yield from ((task, head, "none") for head in TASKS[task].heads())
        for at, tuner in enumerate(name for name in TUNERS if name != "none"):
            slow = boxes and tuner not in ("full", "lora")
            marks = [pytest.mark.long] if slow else []
            yield pytest.param(task, heads[at % len(heads)], tuner, marks=marks)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("tasks"))


@pytest.fixture(params=list(TASKS))
def sample(request, backbone):
    return Sample(request.param, backbone, train=24, validation=12)


def true_outputs(sample, examples):
    """Outputs that say the truth with certainty, one array a row."""
    encoded = examples.encoded
    if sample.task.unit == "map":
        place = sample.schema.labels.index
        boxes = [[[*box.box, place(box.label), 0.9] for box in row] for row in examples.targets]
        return [np.array(row, dtype=np.float32) for row in boxes]
    if sample.task.unit == "row":
        sure = 20.0 if sample.schema.labels else 1.0
        return [
            sure * (2 * row - 1 if sample.schema.labels else row) for row in encoded.rows.numpy()
        ]
    place = {tag: at for at, tag in enumerate(sample.schema.labels)}
    eye = 20.0 * np.eye(len(place), dtype=np.float32)
    return [eye[[place[tag] for tag in tags]] for tags in examples.targets]


def noise(sample, examples, seed=0):
    draw = np.random.default_rng(seed)
    truth = true_outputs(sample, examples)
    if sample.task.unit == "map":
        away = np.array([9, 9, 0, 0, 0, 0], dtype=np.float32)
        return [row + away if draw.random() < 0.5 else row for row in truth]
    return [draw.normal(size=np.shape(row)).astype(np.float32) for row in truth]


def decoded(sample, outputs, examples, calibration=None):
    ids = [str(at) for at in range(len(outputs))]
    return sample.task.decode(outputs, sample.schema, calibration or {}, ids, examples.texts)


def chances_of(answer):
    if isinstance(answer, BoxesPrediction):
        return [box.score for box in answer.boxes]
    if isinstance(answer, EntitiesPrediction):
        return [entity.score for entity in answer.entities]
    if isinstance(answer, LabelPrediction):
        assert answer.score == max(answer.scores.values())
        assert sum(answer.scores.values()) == pytest.approx(1.0)
        return [*answer.scores.values(), answer.score]
    if isinstance(answer, MultiLabelPrediction):
        assert [s.score for s in answer.labels] == sorted(s.score for s in answer.labels)[::-1]
        return list(answer.scores.values())
    return []


def test_a_schema_comes_back_from_json(sample):
    said = json.loads(json.dumps(sample.schema.to_json(), allow_nan=False))
    assert Schema.from_json(said) == sample.schema


def test_the_schema_does_not_hang_on_the_order_of_rows(sample):
    targets = list(sample.train.targets)
    random.Random(0).shuffle(targets)
    assert sample.task.schema(targets) == sample.schema


def test_the_task_says_what_it_is(sample):
    task = sample.task
    assert task.name in TASKS
    assert task.primary_metric in task.metric_names
    assert task.default_head in task.heads()
    assert task.default_tuner in TUNERS
    assert task.__doc__


@pytest.mark.parametrize("rows", [1, 5])
def test_the_loss_is_finite_and_teaches(rows, sample, backbone):
    if sample.task.unit == "map":
        pytest.skip("what a detector says is of its head, whose own tests hold it to this")
    head_outputs = sample.task.outputs(sample.schema)
    size = (rows, head_outputs)
    if sample.task.unit == "token":
        size = (rows, int(sample.train.inputs.lengths[:rows].max()), head_outputs)
    outputs = torch.full(size, 0.3).requires_grad_(True)
    targets = sample.train.encoded.batch(np.arange(rows))
    losses = []
    for _ in range(30):
        loss = sample.task.loss(outputs, targets, None)
        (gradient,) = torch.autograd.grad(loss, outputs)
        assert loss.dim() == 0
        assert bool(torch.isfinite(loss))
        assert bool(torch.isfinite(gradient).all())
        losses.append(float(loss.detach()))
        outputs = (outputs - 0.02 * gradient.sign()).detach().requires_grad_(True)
    assert losses[-1] < losses[0]


def test_class_weights_change_the_loss(sample):
    weights = sample.task.class_weights(sample.schema)
    if weights is None:
        assert not sample.schema.counts or sample.task.kind in ("labels", "boxes")
        return
    counts = torch.tensor(sample.schema.counts, dtype=torch.float32)
    assert float((weights * counts).sum() / counts.sum()) == pytest.approx(1.0)
    skewed = torch.arange(1, len(weights) + 1, dtype=torch.float32)
    draw = torch.Generator().manual_seed(0)
    size = (24, len(weights))
    if sample.task.unit == "token":
        size = (24, int(sample.train.inputs.lengths.max()), len(weights))
    outputs = torch.randn(size, generator=draw)
    targets = sample.train.encoded.batch(np.arange(24))
    plain = sample.task.loss(outputs, targets, None)
    assert float(sample.task.loss(outputs, targets, torch.ones_like(skewed))) == pytest.approx(
        float(plain), rel=1e-5
    )
    assert float(sample.task.loss(outputs, targets, skewed)) != pytest.approx(float(plain))


@pytest.mark.parametrize("which", ["truth", "noise", "zeros"])
def test_every_output_is_answered_with_probabilities(which, sample):
    examples = sample.validation
    outputs = noise(sample, examples) if which == "noise" else true_outputs(sample, examples)
    if which == "zeros":
        outputs = [0 * row for row in outputs]
    calibration = sample.task.calibrate(outputs, examples.targets, sample.schema, 0.9)
    json.dumps(calibration, allow_nan=False)
    for used in ({}, calibration):
        answers = decoded(sample, outputs, examples, used)
        assert [answer.id for answer in answers] == [str(at) for at in range(len(examples))]
        for answer in answers:
            assert all(0.0 <= chance <= 1.0 for chance in chances_of(answer))
            json.dumps(answer.to_json(), allow_nan=False)


def test_the_truth_scores_one_and_noise_less(sample):
    examples = sample.validation
    for metric in sample.task.metric_names:
        best = sample.task.score(
            true_outputs(sample, examples), examples.targets, sample.schema, metric
        )
        worse = sample.task.score(noise(sample, examples), examples.targets, sample.schema, metric)
        assert best == pytest.approx(1.0), metric
        assert worse < best - 0.1, metric


def test_perfect_answers_are_measured_as_perfect(sample):
    examples = sample.validation
    answers = decoded(sample, true_outputs(sample, examples), examples)
    found = sample.task.evaluate(answers, examples.targets, sample.schema, texts=examples.texts)
    assert set(sample.task.metric_names) <= set(found.metrics)
    for metric in sample.task.metric_names:
        assert found.metrics[metric].value == pytest.approx(1.0), metric
        assert found.metrics[metric].n > 0


def test_a_score_is_what_evaluation_says(sample):
    """What choices are made by is what is reported, for tasks whose answers need no calibration."""
    examples = sample.validation
    outputs = noise(sample, examples)
    calibration = sample.task.calibrate(outputs, examples.targets, sample.schema, None)
    answers = decoded(sample, outputs, examples, calibration)
    found = sample.task.evaluate(answers, examples.targets, sample.schema, texts=examples.texts)
    for metric in sample.task.metric_names:
        score = sample.task.score(outputs, examples.targets, sample.schema, metric)
        assert score == pytest.approx(found.metrics[metric].value or 0.0, abs=1e-9), metric


def test_baselines_are_measured_alike(sample):
    examples = sample.validation
    _, targets = sample.task.plain(examples.texts, examples.targets)
    vectors = sample.task.kind == "identity"
    guesses = true_outputs(sample, examples) if vectors else targets
    found = sample.task.compare(targets, guesses)
    assert found[sample.task.primary_metric].value == pytest.approx(1.0)


@pytest.mark.parametrize("count", [0, 1])
def test_no_row_and_one_row_pass_through(count, sample):
    examples = sample.examples(sample.rows[:count])
    outputs = true_outputs(sample, examples)
    assert len(examples.encoded) == count
    calibration = sample.task.calibrate(outputs, examples.targets, sample.schema, None)
    json.dumps(calibration, allow_nan=False)
    answers = decoded(sample, outputs, examples, calibration)
    assert len(answers) == count
    found = sample.task.evaluate(answers, examples.targets, sample.schema, texts=examples.texts)
    for metric in found.metrics.values():
        json.dumps(metric.to_json(), allow_nan=False)
    for metric in sample.task.metric_names:
        score = sample.task.score(outputs, examples.targets, sample.schema, metric)
        assert math.isfinite(score)


def test_outputs_are_split_by_row(sample):
    boxes = sample.task.unit == "map"
    learner = sample.learner(head=sample.task.default_head if boxes else "linear", tuner="none")
    outputs = learner.outputs(sample.validation, learner.uncached(sample.validation))
    if boxes:
        assert all(row.dtype == np.float32 and row.shape[1] == 6 for row in outputs)
        return
    assert [np.shape(row) for row in outputs] == [
        np.shape(row) for row in true_outputs(sample, sample.validation)
    ]


def test_an_answer_can_be_explained_or_says_it_cannot(sample):
    examples = sample.validation
    for answer in decoded(sample, true_outputs(sample, examples), examples):
        found = sample.task.explained(answer, sample.schema)
        if found is not None:
            assert 0 <= found[0] < sample.task.outputs(sample.schema)
            assert isinstance(found[1], str)


@pytest.mark.parametrize(("task", "head", "tuner"), list(trained_together()))
def test_a_planted_signal_is_learned(task, head, tuner, backbone, tmp_path):
    """60 rows are enough to do better on others than the same answers dealt out at random."""
    sample = Sample(task, backbone)
    if not cuts_of(tuner, sample.backbone.spec.depth, sample.backbone):
        pytest.skip(f"{tuner} does not bend {sample.backbone.spec.name}")
    rates = {"learning_rate": 5e-3, "head_learning_rate": 2e-2}
    if sample.task.unit == "map":
        rates = {"learning_rate": 1e-3, "head_learning_rate": 1e-2}
    loop = {"epochs": 6 if sample.task.unit == "row" else 10, "batch_size": 8, "patience": 0}
    got = sample.finetune(tmp_path, head=head, tuner=tuner, **rates, **loop)
    source = got.learner.uncached(sample.validation)
    outputs = got.learner.outputs(sample.validation, source)
    metric = sample.task.primary_metric
    score = sample.task.score(outputs, sample.validation.targets, sample.schema, metric)
    chance = []
    for seed in range(5):
        dealt = random.Random(seed).sample(range(len(outputs)), len(outputs))
        if sample.task.unit == "token":
            mixed = noise(sample, sample.validation, seed)
        else:
            mixed = [outputs[at] for at in dealt]
        chance.append(sample.task.score(mixed, sample.validation.targets, sample.schema, metric))
    assert score > max(chance) + 0.1
    assert got.learner.head.name == head
    assert (got.fitted is not None) == (TUNERS[tuner].trains or not got.learner.head.solved)


def test_the_planted_rows_hold_every_kind_of_target():
    assert {"text", "label", "labels", "value", "tokens", "tags"} <= set(made_rows(1)[0])


def test_a_label_that_the_training_rows_lack_leaves_its_row_empty():
    task = TASKS["text-classification"]()
    schema = task.schema([LabelTarget("yes"), LabelTarget("no")])
    seen = [LabelTarget("yes"), LabelTarget("perhaps"), LabelTarget("maybe", {"maybe": 1.0})]
    assert task.encode(seen, schema, None, ["", "", ""]).rows.tolist() == [[0, 1], [0, 0], [0, 0]]


def test_opinions_become_outputs_that_say_them(sample):
    """What an ensemble averages: outputs made of a model's own opinions answer as it does."""
    if not sample.task.averages:
        pytest.skip("answers of several models are not averaged")
    examples = sample.validation
    outputs = noise(sample, examples)
    calibration = sample.task.calibrate(outputs, examples.targets, sample.schema, None)
    held = sample.task.opinions(outputs, sample.schema, calibration)
    again = [row.astype(np.float32) for row in sample.task.of_opinions(held, sample.schema)]
    assert [row.shape for row in again] == [row.shape for row in outputs]
    want = decoded(sample, outputs, examples, calibration)
    found = decoded(sample, again, examples)
    for one, other in zip(want, found, strict=True):
        assert chances_of(other) == pytest.approx(chances_of(one), abs=1e-4)
        assert getattr(other, "value", 0) == pytest.approx(getattr(one, "value", 0), abs=1e-4)
