"""AdaLoRA: ranks really move, what is saved has only those that are left, and it goes on anew."""

import json

import pytest
import torch
from pydantic import ValidationError
from tiny import tiny_backbone

from journeyman.tensors import read_tensors
from journeyman.tuners.adalora import AdaLoraOptions, AdaLoraTuner

TEXTS = ["the cat sat", "a dog ran on the mat in london", "awful film", "a lovely story"]
RANK, INITIAL = 2, 5


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("adalora"))


def made(backbone, cut=1, **options):
    chosen = AdaLoraOptions(rank=RANK, initial_rank=INITIAL, dropout=0.0, **options)
    tuner = AdaLoraTuner(chosen, 0)
    return tuner, tuner.attach(backbone, cut)


def train(tuner, twin, count, cut=1, first=0, last=None, optimizer=None):
    """Towards outputs that only some layers can make; gives what it needs to go on."""
    optimizer = optimizer or torch.optim.AdamW(tuner.parameters().values(), lr=0.02)
    tuner.planned_steps = count
    inputs = twin.prepare(TEXTS)
    history = []
    for step in range(first, count if last is None else last):
        features = twin.tuned(twin.frozen(inputs, cut), cut)
        pooled = features.pooled[twin.spec.depth]
        target = torch.linspace(-1, 1, pooled.numel()).reshape(pooled.shape)
        ((pooled - target).square().mean() + tuner.extra_loss()).backward()
        optimizer.step()
        tuner.after_step(step)
        optimizer.zero_grad()
        history.append(sum(tuner.ranks().values()))
    return history, optimizer


def test_ranks_fall_to_the_budget_and_lie_where_they_matter(backbone):
    tuner, twin = made(backbone, warmup=0.2, settle=0.3)
    history, _ = train(tuner, twin, 20)
    layers = len(tuner.ranks())
    assert history[:5] == [layers * INITIAL] * 5
    assert history[-6:] == [layers * RANK] * 6
    assert history == sorted(history, reverse=True)
    assert len(set(history)) > 3, "the budget falls bit by bit"
    assert len(set(tuner.ranks().values())) > 1, "some layers keep more ranks than others"
    assert max(tuner.ranks().values()) > RANK


def test_only_the_ranks_that_are_left_are_saved(backbone, tmp_path):
    tuner, twin = made(backbone)
    train(tuner, twin, 20)
    tuner.save(tmp_path)
    tensors, _ = read_tensors(tmp_path / "adapter" / "adapter_model.safetensors")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    for layer, rank in tuner.ranks().items():
        assert tensors[f"base_model.model.{layer}.lora_A"].shape[0] == rank
        assert tensors[f"base_model.model.{layer}.lora_B"].shape[1] == rank
        assert tensors[f"base_model.model.{layer}.lora_E"].shape == (rank, 1)
        assert sum(config["rank_pattern"][f"{layer}.lora_E"]) == rank
    restored, _ = made(backbone)
    restored.restore(tmp_path)
    assert restored.ranks() == tuner.ranks()


@pytest.mark.parametrize("stop", [1, 5, 13, 18])
def test_allocation_goes_on_where_it_stopped(stop, backbone):
    """Before, during and after ranks are taken away, with everything a checkpoint keeps."""
    whole, twin = made(backbone)
    wanted, _ = train(whole, twin, 20)
    first, twin = made(backbone)
    before, optimizer = train(first, twin, 20, last=stop)
    second, other = made(backbone)
    second.load(first.state())
    second.planned_steps = 20
    second.load_loop_state(dict(first.loop_state()))
    again = torch.optim.AdamW(second.parameters().values(), lr=0.02)
    again.load_state_dict(optimizer.state_dict())
    after, _ = train(second, other, 20, first=stop, optimizer=again)
    assert before + after == wanted
    mine, theirs = second.state(), whole.state()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_the_running_means_are_part_of_the_loops_state(backbone):
    tuner, twin = made(backbone)
    train(tuner, twin, 20, last=5)
    state = tuner.loop_state()
    held = [value for value in state.values() if isinstance(value, torch.Tensor)]
    assert len(held) == 2 * len(tuner.parameters())
    assert all(float(value.abs().sum()) > 0 for value in held)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
def test_runs_of_a_few_steps_end_within_the_budget(steps, backbone):
    tuner, twin = made(backbone)
    history, _ = train(tuner, twin, steps)
    layers = len(tuner.ranks())
    assert history[-1] == layers * (INITIAL if steps == 1 else RANK)


def test_factors_drift_towards_orthonormal_ones(backbone):
    def distance(weight):
        tuner, _ = made(backbone, orthogonality=weight)
        optimizer = torch.optim.AdamW(tuner.parameters().values(), lr=0.02)
        for _ in range(20):
            loss = tuner.extra_loss()
            if loss is None:
                break
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        rows = next(p for name, p in tuner.parameters().items() if ".lora_A." in name)
        return float((rows @ rows.T - torch.eye(INITIAL)).norm().detach())

    assert distance(0.5) < distance(0.0) / 2


def test_ranks_that_would_have_to_rise_are_refused():
    with pytest.raises(ValidationError, match="initial_rank"):
        AdaLoraOptions(rank=8, initial_rank=8)
