"""The ladder of `tuner: auto`: it climbs while that pays, within time, and goes on after a kill."""

import json

import numpy as np
import pytest
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.tensors import write_tensors
from journeyman.training import ladder as ladders
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.costs import Costs
from journeyman.training.gain import gain
from journeyman.training.ladder import climb, rung_options
from journeyman.training.options import FinetuneOptions
from journeyman.training.rungs.base import RUNGS, Rung, Situation, rungs

HEAD = {"name": "ridge", "features": 32, "kernel": True}
ORDER = ["frozen", "lora-top", "lora-deep", "full"]


def of_layers():
    """The rungs without those of few labels, which have tests of their own."""
    return [rung for rung in rungs() if rung.name not in ("prototype", "contrast")]


@pytest.fixture(autouse=True)
def only_layers(monkeypatch):
    monkeypatch.setattr(ladders, "rungs", of_layers)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("ladder"))


@pytest.fixture(scope="module")
def sample(backbone):
    return Sample("text-classification", backbone, train=45, validation=30)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


def climbing(sample, features, folder=None, budget=None, **more):
    options = {"tuner": "auto", "budget": budget, "epochs": 1, "batch_size": 16, "head": HEAD}
    options |= more
    return climb(
        sample.task,
        sample.backbone,
        sample.schema,
        sample.train,
        sample.validation,
        FinetuneOptions.model_validate(options),
        seed=0,
        cache=FeatureCache(features),
        folder=folder,
    )


def situation(sample, **options):
    chosen = FinetuneOptions.model_validate({"tuner": "auto", **options})
    rows = len(sample.train), len(sample.validation)
    return Situation(sample.task, sample.backbone, sample.schema, chosen, *rows)


def always(pays):
    """Stands in for the gain where only the climb is looked at."""

    def judged(task, schema, metric, targets, new, old, seed):
        found = gain(task, schema, metric, targets, new, old, seed)
        return type(found)(1.0 if pays else -1.0, 0.1, found.score, found.before)

    return judged


def tensors_of(trained, path):
    write_tensors(path, trained.learner.head.state_dict())
    head = path.read_bytes()
    write_tensors(path, trained.learner.tuner.state())
    return head + path.read_bytes(), trained.calibration


def test_the_rungs_stand_in_order_of_cost(sample):
    assert [r.name for r in rungs() if r.name in ORDER] == ORDER
    depth = sample.backbone.spec.depth
    found = [rung_options(RUNGS[name](), situation(sample)) for name in ORDER]
    assert [options.tuner.name for options in found] == ["none", "lora", "lora", "full"]
    assert [options.cut for options in found] == [depth, depth - 1, 1, 1]


def test_a_rung_changes_only_what_the_recipe_leaves_at_its_default(sample):
    class Quick(Rung):
        name, floor = "quick", 1

        def changes(self, situation):
            return {"tuner": "full", "cut": 2, "epochs": 9, "batch_size": 8}

    found = rung_options(Quick(), situation(sample, epochs=3, head="linear"))
    assert (found.tuner.name, found.cut, found.epochs, found.batch_size) == ("full", 2, 3, 8)
    assert found.head.name == "linear"


def test_it_stops_where_the_next_rung_does_not_pay(sample, features, monkeypatch):
    monkeypatch.setattr(ladders, "gain", always(False))
    found = climbing(sample, features)
    assert [one.rung for one in found.attempts] == ["frozen", "lora-top"]
    assert (found.kept, found.trained.learner.tuner.name) == ("frozen", "none")
    assert "lora-top did not pay" in found.stopped
    assert found.clock == ""


def test_it_climbs_while_rungs_pay(sample, features, monkeypatch):
    monkeypatch.setattr(ladders, "gain", always(True))
    found = climbing(sample, features)
    assert [one.rung for one in found.attempts if one.score is not None] == ORDER
    assert found.kept == "full"
    assert found.options.tuner.name == "full"
    assert found.trained.learner.cut == found.options.cut == 1
    assert found.trained.solved is not None
    assert all(one.predicted > 0 for one in found.attempts[1:])


def test_alternatives_of_a_floor_are_all_tried(sample, features, monkeypatch):
    class Other(RUNGS["lora-top"]):
        name = "zz-other"

    monkeypatch.setitem(RUNGS._entries, "zz-other", Other)
    monkeypatch.setattr(ladders, "gain", always(False))
    found = climbing(sample, features)
    assert [one.rung for one in found.attempts] == ["frozen", "lora-top", "zz-other"]


def test_a_rung_that_is_not_permitted_is_passed_over(sample, features, monkeypatch):
    monkeypatch.setattr(RUNGS["lora-top"], "permits", lambda *_: "no reason")
    monkeypatch.setattr(ladders, "gain", always(False))
    found = climbing(sample, features)
    assert [one.rung for one in found.attempts] == ["frozen", "lora-top", "lora-deep"]
    assert found.attempts[1].why == "not permitted: no reason"


def test_a_rung_that_fails_is_told_and_left(sample, features, monkeypatch):
    monkeypatch.setattr(ladders, "gain", always(True))
    whole = ladders.finetune

    def failing(*arguments, **options):
        if arguments[5].tuner.name == "lora":
            raise JourneymanError("Training diverged.")
        return whole(*arguments, **options)

    monkeypatch.setattr(ladders, "finetune", failing)
    found = climbing(sample, features)
    assert [one.why for one in found.attempts if one.score is None] == [
        "failed: Training diverged."
    ] * 2
    assert found.kept == "full"


def test_a_budget_too_small_for_the_next_rung_ends_the_climb(sample, features, monkeypatch):
    monkeypatch.setattr(ladders, "gain", always(True))
    monkeypatch.setattr(Costs, "predict", lambda *_: 1000.0)
    found = climbing(sample, features, budget=500)
    assert [one.rung for one in found.attempts] == ["frozen", "lora-top"]
    assert found.attempts[1].why.startswith("not begun: it would take 1000 s")
    assert found.clock == found.stopped
    assert "no time for lora-top" in found.clock


def test_a_rung_that_takes_too_long_leaves_time_to_its_alternatives(sample, features, monkeypatch):
    class Slow(RUNGS["lora-top"]):
        name = "a-slow-one"

        def work(self, options, situation):
            return 1e12

    monkeypatch.setitem(RUNGS._entries, "a-slow-one", Slow)
    monkeypatch.setattr(ladders, "gain", always(False))
    found = climbing(sample, features, budget=500)
    assert [(one.rung, one.unbegun) for one in found.attempts] == [
        ("frozen", False), ("a-slow-one", True), ("lora-top", False),
    ]  # fmt: skip
    assert "lora-top did not pay" in found.stopped
    assert "no time for a-slow-one" in found.clock


def test_a_budget_that_runs_out_ends_a_rung_at_an_epoch(sample, features, monkeypatch):
    monkeypatch.setattr(ladders, "gain", always(True))
    monkeypatch.setattr(Costs, "predict", lambda *_: 0.0)
    monkeypatch.setattr(
        ladders._Climber,
        "_left",
        lambda self: 0.0 if any(a.rung == "frozen" for a in self.standing.attempts) else 100.0,
    )
    monkeypatch.setattr(ladders._Climber, "_is_over", lambda self: len(self.standing.attempts) > 1)
    found = climbing(sample, features, budget=100, epochs=5, patience=0)
    assert found.kept == "lora-top"
    assert len(found.trained.fitted.history) == 1
    assert "before its last epoch" in found.clock


def test_the_cost_of_a_rung_is_foreseen_from_the_rungs_before(sample):
    told = situation(sample, epochs=4)
    rung = RUNGS["full"]()
    options = rung_options(rung, told)
    rows, validation = len(sample.train), len(sample.validation)
    before = Costs(forward=0.01, after=2.0).predict(rung, options, told)
    assert before == pytest.approx((rows + validation) * 0.01 + 3 * 0.01 * rows * 2 * 4 + 2.0)
    after = Costs(forward=0.01, training=0.05, after=2.0).predict(rung, options, told)
    assert after == pytest.approx((rows + validation) * 0.01 + 0.05 * rows * 2 * 4 + 2.0)


def test_what_rungs_took_is_measured(sample, features):
    found = climbing(sample, features)
    seen = json.dumps([one.seconds for one in found.attempts])
    assert "0.0," not in seen
    stood = ladders._Climber(
        situation(sample), sample.train, sample.validation, 0, FeatureCache(features), None, None,
        ladders.QUIET,
    )  # fmt: skip
    stood.climb()
    assert stood.standing.costs.forward > 0
    assert stood.standing.costs.training > 0


@pytest.fixture(scope="module")
def straight(sample, features, tmp_path_factory):
    """A climb to the top that nothing broke, and where it was kept."""
    folder = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladders, "gain", always(True))
        patch.setattr(ladders, "rungs", of_layers)
        return climbing(sample, features, folder), folder


@pytest.mark.parametrize("killed_in", ["lora-top", "lora-deep", "full"])
def test_a_killed_climb_goes_on_at_the_rung(
    killed_in, straight, sample, features, tmp_path, monkeypatch
):
    monkeypatch.setattr(ladders, "gain", always(True))
    wanted = straight[0]
    whole, ran = ladders.finetune, []

    def dying(*arguments, **options):
        name = options["checkpoint"].stem
        if name == killed_in and name not in ran:
            ran.append(name)
            raise KeyboardInterrupt
        ran.append(name)
        return whole(*arguments, **options)

    monkeypatch.setattr(ladders, "finetune", dying)
    with pytest.raises(KeyboardInterrupt):
        climbing(sample, features, tmp_path / "killed")
    got = climbing(sample, features, tmp_path / "killed")
    assert ran == [*ORDER[: ORDER.index(killed_in) + 1], *ORDER[ORDER.index(killed_in) :]]
    one, other = (tensors_of(t.trained, tmp_path / "t") for t in (wanted, got))
    assert one == other
    assert [(a.rung, a.score, a.gain) for a in got.attempts] == [
        (a.rung, a.score, a.gain) for a in wanted.attempts
    ]


def test_a_kept_rung_reads_back_as_it_was(straight, sample, features, tmp_path):
    """Also what a later update needs: the statistics of the solved head."""
    wanted, folder = straight
    again = climbing(sample, features, folder)
    assert tensors_of(again.trained, tmp_path / "t") == tensors_of(wanted.trained, tmp_path / "t")
    for name, value in wanted.trained.learner.head.statistics().items():
        assert np.array_equal(value, again.trained.learner.head.statistics()[name])
    assert again.trained.fitted == wanted.trained.fitted
    for one, other in zip(again.trained.outputs, wanted.trained.outputs, strict=True):
        assert np.array_equal(one, other)


def one_hot(guesses, count=3):
    return list(np.eye(count, dtype=np.float32)[guesses])


def test_a_gain_pays_beyond_its_standard_error(sample):
    rng = np.random.default_rng(0)
    labels = sample.schema.labels
    truth = rng.integers(0, 3, 400)
    targets = [type(sample.validation.targets[0])(labels[i]) for i in truth]
    worse = np.where(rng.random(400) < 0.3, (truth + 1) % 3, truth)
    little, much = worse.copy(), np.where(rng.random(400) < 0.1, (truth + 1) % 3, truth)
    swapped = np.flatnonzero(worse != truth)[:3]
    little[swapped[:2]] = truth[swapped[:2]]
    right = np.flatnonzero(worse == truth)[:1]
    little[right] = (truth[right] + 1) % 3

    def judged(new):
        found = sample.task, sample.schema, "accuracy", targets, one_hot(new), one_hot(worse), 0
        return gain(*found)

    assert judged(much).pays
    assert judged(little).value == pytest.approx(1 / 400)
    assert not judged(little).pays
    assert not judged(worse).pays
    differences = (much == truth).astype(float) - (worse == truth)
    assert judged(much).error == pytest.approx(differences.std() / np.sqrt(400), rel=0.35)


def test_without_rows_nothing_pays(sample):
    assert not gain(sample.task, sample.schema, "accuracy", [], [], [], 0).pays


@pytest.mark.parametrize("name", list(RUNGS))
def test_every_rung_gives_options_that_are_valid(name, sample):
    rung = RUNGS[name]()
    assert rung.name == name
    assert rung.floor >= 0
    if rung.permits(situation(sample)) is None:
        assert rung_options(rung, situation(sample)).tuner != "auto"
        assert rung.work(rung_options(rung, situation(sample)), situation(sample)) >= 0
