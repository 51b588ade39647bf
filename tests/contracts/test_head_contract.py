"""Every registered head: shapes for rows and tokens, states that come back, exact statistics."""

from itertools import permutations

import pytest
import torch
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.backbones.base import Features
from journeyman.errors import JourneymanError
from journeyman.heads.base import HEADS, HeadShape, SolvedHead
from journeyman.tasks.base import TASKS
from journeyman.training.assembly import options_of

WIDTH, DEPTH, ROWS, TOKENS = 12, 3, 40, 7
UNITS = ("row", "token")
SOLVED = [name for name in HEADS if issubclass(HEADS[name], SolvedHead)]
SERVED = [(name, unit) for name in HEADS for unit in UNITS if unit in HEADS[name].units]
SOLVED_SERVED = [(name, unit) for name, unit in SERVED if name in SOLVED]
PAIRS = [(task, head) for task in TASKS for head in TASKS[task].heads()]


def shape(unit, outputs):
    layers = tuple(range(1, DEPTH + 1)) if unit == "row" else (DEPTH,)
    return HeadShape(WIDTH, layers, outputs, unit)


def drawn(seed, *size):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def features(count=5, seed=0):
    mask = torch.ones(count, TOKENS, dtype=torch.bool)
    pooled = {layer: drawn(seed + layer, count, WIDTH) for layer in range(1, DEPTH + 1)}
    return Features(mask, drawn(seed, count, TOKENS, WIDTH), pooled)


def layers(unit, seed, rows=ROWS):
    wanted = shape(unit, 1).layers
    return {layer: drawn(100 * seed + layer, rows, WIDTH).half().float() for layer in wanted}


def targets(seed, outputs, rows=ROWS):
    labels = torch.randint(0, max(outputs, 2), (rows,), generator=torch.Generator().manual_seed(9))
    if outputs == 1:
        return labels.float()[:, None] + 0.1 * drawn(seed, rows, 1)
    return torch.nn.functional.one_hot(labels, outputs).float()


def merit(found, wanted):
    """Nearness to the targets; of vectors, how near those of one class are to each other."""
    if found.shape == wanted.shape:
        return -float((found - wanted).square().mean())
    return float((found @ found.T * (wanted @ wanted.T)).mean())


def made(name, unit, outputs, seed=0):
    """A head that answers: solved ones have been solved on some rows."""
    head = HEADS[name](options_of(HEADS[name]), shape(unit, outputs), seed)
    if isinstance(head, SolvedHead):
        head.solve(
            layers(unit, 1),
            targets(1, outputs),
            layers(unit, 2),
            lambda found: merit(found, targets(2, outputs)),
            leave_one_out=True,
        )
    return head.eval()


def learns_numbers(name):
    """Whether one output, a number of its own, is within what the head may be asked for."""
    return any(HEADS[name].fits("value", unit) for unit in UNITS)


@pytest.mark.parametrize("outputs", [1, 2, 9])
@pytest.mark.parametrize(("name", "unit"), SERVED)
def test_outputs_have_their_shape(name, unit, outputs):
    if outputs == 1 and not learns_numbers(name):
        pytest.skip("this head learns classes")
    head = made(name, unit, outputs)
    for rows in (1, 5):
        found = head(features(rows))
        width = head.output_width
        assert found.shape == ((rows, width) if unit == "row" else (rows, TOKENS, width))
        assert width == outputs or head.kinds == ("identity",)
        assert found.dtype == torch.float32
        assert bool(torch.isfinite(found).all())


@pytest.mark.parametrize(("name", "unit"), SERVED)
def test_the_loss_is_taken_of_something_for_each_class(name, unit):
    """Of a solved head's vectors nothing is: its stand-in is trained."""
    head = made(name, unit, 3)
    if isinstance(head, SolvedHead) and head.output_width != 3:
        assert not HEADS[head.stand_in].solved
        return
    outputs = head(features())
    if unit == "token":
        outputs = outputs[:, 0]
    found = head.against(outputs, targets(1, 3, len(outputs)))
    assert found.shape == (5, 3)
    assert bool(torch.isfinite(found).all())


@pytest.mark.parametrize(("name", "unit"), SERVED)
def test_a_row_is_answered_alike_alone_and_among_others(name, unit):
    head = made(name, unit, 3)
    together = features(5)
    for at in range(5):
        alone = Features(
            together.mask[at : at + 1],
            together.hidden[at : at + 1],
            {layer: vectors[at : at + 1] for layer, vectors in together.pooled.items()},
        )
        torch.testing.assert_close(head(alone)[0], head(together)[at], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "unit"), SERVED)
def test_a_state_comes_back_bit_for_bit(name, unit):
    import json

    head = made(name, unit, 3)
    fresh = HEADS[name](options_of(HEADS[name]), shape(unit, 3), 0)
    fresh.restore(
        json.loads(json.dumps(head.choices)), {n: v.clone() for n, v in head.state_dict().items()}
    )
    fresh.eval()
    assert torch.equal(fresh(features()), head(features()))
    assert fresh.choices == head.choices


@pytest.mark.parametrize(("name", "unit"), SERVED)
def test_the_seed_alone_decides_the_head(name, unit):
    torch.manual_seed(1)
    first = made(name, unit, 3, seed=4)
    torch.manual_seed(2)
    second = made(name, unit, 3, seed=4)
    assert torch.equal(first(features()), second(features()))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize(("name", "unit"), SOLVED_SERVED)
def test_rows_may_come_in_any_order_and_leave_again(name, unit, outputs):
    """In three parts in any order, with strangers added and removed, as all at once."""
    if outputs == 1 and not learns_numbers(name):
        pytest.skip("this head learns classes")
    parts = [(layers(unit, seed), targets(seed, outputs)) for seed in (1, 3, 4)]
    stranger = (layers(unit, 5), targets(5, outputs))
    at_once = made(name, unit, outputs)
    joined = {n: torch.cat([parts[1][0][n], parts[2][0][n]]) for n in parts[1][0]}
    at_once.add(joined, torch.cat([parts[1][1], parts[2][1]]))
    at_once.resolve()
    wanted = at_once(features())
    scale = float(wanted.detach().abs().max())
    for order in permutations((1, 2)):
        head = made(name, unit, outputs)
        head.add(*stranger)
        head.add(*parts[order[0]])
        head.resolve()
        head.remove(*stranger)
        head.add(*parts[order[1]])
        head.resolve()
        assert float((head(features()) - wanted).abs().max()) <= 1e-5 * scale
    head.remove(*parts[1])
    head.remove(*parts[2])
    head.resolve()
    first = made(name, unit, outputs)
    first.resolve()
    assert float((head(features()) - first(features())).abs().max()) <= 1e-5 * scale


@pytest.mark.parametrize(("name", "unit"), SOLVED_SERVED)
def test_statistics_come_back_and_go_on(name, unit):
    head = made(name, unit, 3)
    saved = {n: v.clone() for n, v in head.statistics().items()}
    fresh = HEADS[name](options_of(HEADS[name]), shape(unit, 3), 0)
    fresh.restore(head.choices, head.state_dict())
    fresh.load_statistics(saved)
    again = fresh.statistics()
    assert sorted(again) == sorted(saved)
    assert all(torch.equal(again[n], saved[n]) for n in saved)
    assert all(v.dtype in (torch.float64, torch.int64) for v in saved.values())
    for each in (head, fresh):
        each.add(layers(unit, 6), targets(6, 3))
        each.resolve()
    assert torch.equal(fresh(features()), head(features()))


@pytest.mark.parametrize(("task", "head"), PAIRS)
def test_every_task_fits_the_heads_it_lists(task, head, tmp_path):
    backbone = tiny_backbone(tmp_path)
    sample = Sample(task, backbone, train=12, validation=6)
    learner = sample.learner(head=head, tuner="none")
    assert learner.head.shape.outputs == sample.task.outputs(sample.schema)
    assert learner.head.shape.unit == sample.task.unit
    if sample.task.unit == "map":
        assert len(learner.head.shape.strides) == len(learner.head.shape.layers) > 0
        return
    matrix = sample.task.matrix(sample.train.encoded, sample.schema)
    assert matrix.dtype == torch.float32
    assert matrix.shape[1] == learner.head.shape.outputs


@pytest.mark.parametrize("head", TASKS["text-classification"].heads())
def test_a_layer_that_is_not_there_is_refused(head, tmp_path):
    if "layers" not in HEADS[head].Options.model_fields:
        pytest.skip("this head reads no layers of one's choice")
    backbone = tiny_backbone(tmp_path)
    sample = Sample("text-classification", backbone, train=12, validation=6)
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(tmp_path / "cache", head={"name": head, "layers": [9]})
    assert caught.value.place == "finetune.head.layers"
    assert all((caught.value.expected, caught.value.found, caught.value.remedy))
