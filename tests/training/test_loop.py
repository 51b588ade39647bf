"""The one loop: the same seed, the same bytes, stopped in between or not."""

import shutil

import pytest
import torch
from contract_samples import Sample
from stopper import Stop, Stopper
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.progress import Reporter
from journeyman.training import loop
from journeyman.tuners.base import TUNERS

OPTIONS = {
    "head": {"name": "linear", "dropout": 0.2},
    "epochs": 5,
    "batch_size": 8,
    "schedule": "cosine",
    "warmup": 0.2,
    "learning_rate": 3e-3,
    "head_learning_rate": 1e-2,
    "patience": 3,
}
DROPOUT = {"lora": {"name": "lora", "dropout": 0.3}}


def tuner_options(name):
    return DROPOUT.get(name, name)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("loop"))


@pytest.fixture(scope="module")
def sample(backbone):
    return Sample("text-classification", backbone, train=40, validation=21)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def straight(sample, cache):
    """What a run with a tuner gives that nothing stops; each is made once and left as it is."""
    made = {}

    def run(name):
        if name not in made:
            made[name] = sample.finetune(cache, tuner=tuner_options(name), **OPTIONS)
        return made[name]

    return run


class Listener(Reporter):
    """Keeps what is said."""

    def __init__(self):
        super().__init__(quiet=True)
        self.said = []

    def say(self, text):
        self.said.append(text)


def bytes_of(trained):
    return {n: p.detach().numpy().tobytes() for n, p in trained.learner.parameters().items()}


def test_the_same_seed_gives_the_same_bytes(sample, cache):
    first = sample.finetune(cache, tuner="lora", **OPTIONS)
    torch.manual_seed(99)
    second = sample.finetune(cache, tuner="lora", **OPTIONS)
    other = sample.finetune(cache, seed=1, tuner="lora", **OPTIONS)
    assert bytes_of(first) == bytes_of(second)
    assert first.fitted == second.fitted
    assert bytes_of(first) != bytes_of(other)


def test_training_leaves_the_shared_generator_alone(sample, cache):
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    sample.finetune(cache, tuner="full", **OPTIONS)
    assert torch.equal(torch.rand(1), wanted)


@pytest.mark.parametrize("epoch", [1, 2, 4])
@pytest.mark.parametrize("name", list(TUNERS))
def test_a_stopped_run_goes_on_to_the_same_bytes(name, epoch, straight, sample, cache, tmp_path):
    """With dropout, a schedule and early stopping; epoch 1 stops before anything is saved."""
    tuner, wanted = tuner_options(name), straight(name)
    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        sample.finetune(cache, tuner=tuner, checkpoint=path, tracker=Stopper(epoch), **OPTIONS)
    assert path.exists() == (epoch > 1)
    torch.manual_seed(12)
    tracker = Stopper(0)
    got = sample.finetune(cache, tuner=tuner, checkpoint=path, tracker=tracker, **OPTIONS)
    assert tracker.seen[0] == epoch
    assert got.fitted == wanted.fitted
    assert bytes_of(got) == bytes_of(wanted)
    assert dict(got.calibration) == dict(wanted.calibration)


def test_a_finished_checkpoint_needs_no_more_epochs(sample, cache, tmp_path):
    path = tmp_path / "run.safetensors"
    wanted = sample.finetune(cache, tuner="full", checkpoint=path, **OPTIONS)
    tracker = Stopper(0)
    got = sample.finetune(cache, tuner="full", checkpoint=path, tracker=tracker, **OPTIONS)
    assert tracker.seen == []
    assert bytes_of(got) == bytes_of(wanted)


def damaged(content, damage):
    middle = len(content) // 2
    return {
        "empty": b"",
        "short": content[:middle],
        "foreign": b"PK\x03\x04" + content[4:],
        "flipped": content[:-40] + bytes([content[-40] ^ 4]) + content[-39:],
    }[damage]


@pytest.mark.parametrize("damage", ["empty", "short", "foreign", "flipped"])
def test_a_damaged_checkpoint_is_set_aside_and_training_starts_anew(
    damage, straight, sample, cache, tmp_path
):
    tuner, wanted = tuner_options("lora"), straight("lora")
    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        sample.finetune(cache, tuner=tuner, checkpoint=path, tracker=Stopper(2), **OPTIONS)
    broken = damaged(path.read_bytes(), damage)
    path.write_bytes(broken)
    listener, tracker = Listener(), Stopper(0)
    got = sample.finetune(
        cache, tuner=tuner, checkpoint=path, tracker=tracker, reporter=listener, **OPTIONS
    )
    assert tracker.seen[0] == 1
    assert bytes_of(got) == bytes_of(wanted)
    (aside,) = tmp_path.glob("*.unreadable")
    assert aside.read_bytes() == broken
    assert sum(aside.name in line for line in listener.said) == 1


def test_a_checkpoint_of_another_tuner_is_set_aside(straight, sample, cache, tmp_path):
    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        sample.finetune(cache, tuner="lora", checkpoint=path, tracker=Stopper(2), **OPTIONS)
    listener = Listener()
    got = sample.finetune(cache, tuner="full", checkpoint=path, reporter=listener, **OPTIONS)
    assert bytes_of(got) == bytes_of(straight("full"))
    assert any("unreadable" in line for line in listener.said)


def test_the_best_epoch_is_given_back(sample, cache, monkeypatch):
    """Scores that fall after the second epoch: its parameters are kept, and patience ends it."""
    scores = iter([0.2, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    kept = []
    monkeypatch.setattr(type(sample.task), "score", lambda *args: next(scores))
    monkeypatch.setattr(sample.task, "calibrate", lambda *args: {}, raising=False)
    real = loop._Run.epoch

    def epoch(self, number, reporter):
        loss = real(self, number, reporter)
        kept.append({n: p.detach().clone() for n, p in self.parameters.items()})
        return loss

    monkeypatch.setattr(loop._Run, "epoch", epoch)
    got = sample.finetune(cache, tuner="full", **{**OPTIONS, "epochs": 7, "patience": 2})
    assert got.fitted.best_epoch == 2
    assert got.fitted.best_score == 0.9
    assert len(got.fitted.history) == 4
    parameters = got.learner.parameters()
    assert all(torch.equal(parameters[n], kept[1][n]) for n in parameters)
    assert not got.learner.head.training


def test_patience_of_zero_never_stops(sample, cache, monkeypatch):
    monkeypatch.setattr(type(sample.task), "score", lambda *args: 0.5)
    got = sample.finetune(cache, tuner="none", **{**OPTIONS, "epochs": 6, "patience": 0})
    assert len(got.fitted.history) == 6
    assert got.fitted.best_epoch == 1


def test_gradients_are_clipped(sample, cache, monkeypatch):
    norms = []
    real = torch.optim.AdamW.step

    def step(self, *args, **kwargs):
        gradients = [
            p.grad for group in self.param_groups for p in group["params"] if p.grad is not None
        ]
        norms.append(float(torch.cat([g.flatten() for g in gradients]).norm()))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    sample.finetune(cache, tuner="full", **{**OPTIONS, "clip": None, "epochs": 1})
    free = max(norms)
    norms.clear()
    sample.finetune(cache, tuner="full", **{**OPTIONS, "clip": free / 10, "epochs": 1})
    assert max(norms) <= free / 10 * 1.001
    assert min(norms) > 0


def test_class_weights_change_what_is_learned(backbone, cache):
    from contract_samples import made_rows

    sample = Sample("text-classification", backbone, train=40, validation=21)
    few = [row for at, row in enumerate(made_rows(80)) if row["label"] != "bad" or at % 4 == 0]
    sample.schema = sample.task.schema([sample.task.target(row, sample.data) for row in few])
    sample.train = sample.examples(few)
    plain = sample.finetune(cache, tuner="none", **OPTIONS)
    weighted = sample.finetune(cache, tuner="none", **OPTIONS, class_weights=True)
    assert plain.fitted.history[0]["loss"] != weighted.fitted.history[0]["loss"]
    assert bytes_of(plain) != bytes_of(weighted)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_rates_rise_and_fall_as_said(schedule):
    from journeyman.training.options import LoopOptions

    factor = loop._schedule(LoopOptions(warmup=0.25, schedule=schedule), 40)
    rates = [factor(step) for step in range(40)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    falling = rates[10:]
    assert all(0 < rate <= 1 for rate in rates)
    assert falling == sorted(falling, reverse=True)
    assert (falling[-1] == 1.0) == (schedule == "constant")


def test_training_that_diverges_is_told(sample, cache, tmp_path):
    wild = {**OPTIONS, "learning_rate": 1e30, "head_learning_rate": 1e30, "clip": None}
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(cache, tuner="full", checkpoint=tmp_path / "run.safetensors", **wild)
    assert "finetune" in caught.value.place
    assert all((caught.value.expected, caught.value.found, caught.value.remedy))


@pytest.mark.parametrize("name", [n for n in TUNERS if TUNERS[n].trains])
def test_a_solved_head_follows_a_tuned_backbone_across_a_stop(name, sample, cache, tmp_path):
    options = {**OPTIONS, "head": "ridge", "tuner": tuner_options(name), "epochs": 3}
    wanted = sample.finetune(cache, **options)
    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        sample.finetune(cache, checkpoint=path, tracker=Stopper(2), **options)
    got = sample.finetune(cache, checkpoint=path, **options)
    mine, theirs = got.learner.head.state_dict(), wanted.learner.head.state_dict()
    assert all(torch.equal(mine[n], theirs[n]) for n in theirs)
    assert got.learner.head.choices == wanted.learner.head.choices


def test_no_file_is_left_beside_a_checkpoint(sample, cache, tmp_path):
    folder = tmp_path / "checkpoints"
    few = {**OPTIONS, "epochs": 2}
    sample.finetune(cache, tuner="lora", checkpoint=folder / "run.safetensors", **few)
    assert [path.name for path in folder.iterdir()] == ["run.safetensors"]
    shutil.rmtree(folder)
