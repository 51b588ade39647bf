"""Learning in steps equals learning at once, and forgetting equals never having seen.

Of every task and every solved head, over random orders and splits, on the same stored features.
"""

import random

import numpy as np
import pytest
import torch
from contract_samples import Sample, made_rows, tiny_backbone, with_pictures

from journeyman.continual.learning import learn
from journeyman.continual.named import Named
from journeyman.continual.options import UpdateOptions
from journeyman.continual.unlearning import unlearn
from journeyman.errors import DataError, ModelError
from journeyman.heads.base import HEADS
from journeyman.model import Model
from journeyman.saved.folder import write_model
from journeyman.tasks.base import TASKS
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.exam import make_exam

CASES = [
    (task, head)
    for task in TASKS
    for head in TASKS[task].heads()
    if HEADS[head].solved and TASKS[task].kind != "boxes"
]
RIDGES = {"kernel rows": {"kernel": True}, "landmarks": {"kernel": True, "exact_rows": 0}}
RIDGES["sums"] = {"kernel": False}
FREELY = UpdateOptions(retain=None, exam=0.0)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """The gate's intervals are not looked at here."""
    monkeypatch.setattr("journeyman.tasks.base.RESAMPLES", 10)


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "features")


def taught_model(task, head, backbone, cache, tuner="none", **options):
    """A model of 24 rows, in memory, with 12 exam rows."""
    sample = Sample(task, backbone, train=24, validation=12)
    said = {"tuner": tuner, "head": {"name": head, **options}, "refit": False, "epochs": 1}
    got = sample.finetune(cache.folder, **said)
    source = got.learner.uncached(sample.validation)
    exam = make_exam(got.learner, sample.data, sample.rows[24:], sample.validation, source)
    about = {"data": "made", "rows": {"train": 24}, "parent": None}
    return Model("made", got.learner, sample.schema, sample.data, got.calibration, about, exam)


def more_rows(model, count, seed=7):
    rows = made_rows(count, seed)
    for at, row in enumerate(rows):  # No two rows read the same.
        row["text"] += " long" * (at % 5 + 1) + " very" * (at // 5 + 1)
        row["tokens"] = row["text"].split()
        tags = dict(zip(("london", "anna"), ("B-LOC", "B-PER"), strict=True))
        row["tags"] = [tags.get(word, "O") for word in row["tokens"]]
    return with_pictures(rows, seed) if model.learner.task.modality == "image" else rows


def in_parts(rows, draw):
    """The rows in a random order, cut at random places."""
    order = draw.sample(rows, len(rows))
    cuts = sorted(draw.sample(range(1, len(rows)), 3))
    return [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]


def outputs(model, rows, cache):
    """Every output of some rows, over the features that the cache holds."""
    from journeyman.training.examples import make_examples
    from journeyman.training.feature_source import feature_source

    task, learner = model.learner.task, model.learner
    made = make_examples(task, learner.backbone, rows, model.columns, model.schema)
    found = learner.outputs(made, feature_source(learner, made, cache))
    return torch.from_numpy(np.concatenate([np.atleast_2d(row) for row in found]))


def close(one, other, tolerance=1e-5):
    """Largest difference, relative to the largest output."""
    return float((one - other).abs().max()) <= tolerance * max(float(other.abs().max()), 1.0)


def same_statistics(one, other):
    first, second = (model.learner.head.statistics() for model in (one, other))
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def taught_in(model, parts, cache):
    for part in parts:
        model = learn(model, part, FREELY, cache=cache).state
    return model


@pytest.mark.parametrize(("task", "head"), CASES)
def test_any_order_and_split_of_rows_gives_the_model_of_all_at_once(task, head, backbone, cache):
    start = taught_model(task, head, backbone, cache)
    rows = more_rows(start, 30)
    whole = learn(start, rows, FREELY, cache=cache).state
    asked = outputs(whole, rows, cache)
    assert not close(asked, outputs(start, rows, cache))  # Something was learned.
    for seed in range(3):
        stepwise = taught_in(start, in_parts(rows, random.Random(seed)), cache)
        assert close(outputs(stepwise, rows, cache), asked)
        assert same_statistics(stepwise, whole)
        assert len(stepwise.learner.ledger.lines) == 54
        assert stepwise.calibration == whole.calibration


@pytest.mark.parametrize("kind", RIDGES)
def test_the_head_is_the_one_solved_on_all_rows(kind, backbone, cache):
    """As if it had been given every row that its ledger names in one go, and nothing else."""
    start = taught_model("text-classification", "ridge", backbone, cache, **RIDGES[kind])
    rows = more_rows(start, 30)
    stepwise = taught_in(start, in_parts(rows, random.Random(1)), cache)
    joint = taught_model("text-classification", "ridge", backbone, cache, **RIDGES[kind])
    everything = stepwise.learner.ledger.entries()
    mine = joint.learner.ledger.entries()
    joint.learner.head.add(everything.layers, everything.targets)
    joint.learner.head.remove(mine.layers, mine.targets)
    joint.learner.head.resolve()
    if kind != "landmarks":  # There the landmarks that are given up are not chosen again.
        assert close(outputs(stepwise, rows, cache), outputs(joint, rows, cache))


@pytest.mark.parametrize(("task", "head"), CASES)
def test_rows_that_are_forgotten_were_never_there(task, head, backbone, cache):
    start = taught_model(task, head, backbone, cache)
    rows = more_rows(start, 30)
    kept, gone = rows[:18], rows[18:]
    never = learn(start, kept, FREELY, cache=cache).state
    model = learn(learn(start, gone, FREELY, cache=cache).state, kept, FREELY, cache=cache).state
    assert not close(outputs(model, rows, cache), outputs(never, rows, cache))
    found = unlearn(model, Named.of(model, gone))
    assert found.update.exact
    assert found.update.removed == 12
    assert close(outputs(found.state, rows, cache), outputs(never, rows, cache))
    assert same_statistics(found.state, never)
    assert found.state.calibration == never.calibration


@pytest.mark.parametrize("kind", RIDGES)
def test_one_row_is_forgotten_by_its_id_and_saved_in_the_same_bytes(
    kind, backbone, cache, tmp_path
):
    start = taught_model("text-classification", "ridge", backbone, cache, **RIDGES[kind])
    rows = more_rows(start, 12)
    never = learn(start, rows[1:], FREELY, cache=cache).state
    model = learn(start, rows, FREELY, cache=cache).state
    (row_id,) = model.learner.ledger.ids - never.learner.ledger.ids
    forgotten = unlearn(model, Named(ids=frozenset([row_id]))).state
    for name, state in (("never", never), ("forgotten", forgotten)):
        state.about["rows"] = {}
        write_model(state, tmp_path / name)
    names = {path.name for path in (tmp_path / "never").iterdir()}
    for name in ("head.safetensors", "statistics.safetensors", "ledger.safetensors"):
        assert name in names
        first, second = (tmp_path / folder / name for folder in ("never", "forgotten"))
        assert first.read_bytes() == second.read_bytes(), name


@pytest.mark.parametrize("kind", RIDGES)
def test_new_classes_are_learned_and_old_ones_stay(kind, backbone, cache):
    start = taught_model("text-classification", "ridge", backbone, cache, **RIDGES[kind])
    rows = more_rows(start, 30)
    new = [{**row, "label": "zebra" if at % 2 else "ape"} for at, row in enumerate(rows[20:])]
    found = learn(start, [*rows[:20], *new], FREELY, cache=cache)
    assert found.state.schema.labels == (*start.schema.labels, "ape", "zebra")
    assert found.state.schema.counts[-2:] == (5, 5)
    stepwise = taught_in(start, [rows[:20], new[:4], new[4:]], cache)
    assert close(outputs(stepwise, rows, cache), outputs(found.state, rows, cache))
    answers = Model(**vars(found.state)).predict([row["text"] for row in new])
    assert {answer.label for answer in answers} & {"ape", "zebra"}
    without = unlearn(found.state, Named(label="ape")).state
    assert without.schema.labels == (*start.schema.labels, "zebra")
    never = taught_in(start, [rows[:20], [row for row in new if row["label"] != "ape"]], cache)
    assert close(outputs(without, rows, cache), outputs(never, rows, cache))


def test_tuned_layers_say_that_they_may_know_what_the_head_forgot(backbone, cache):
    start = taught_model("text-classification", "ridge", backbone, cache, tuner="lora")
    rows = more_rows(start, 12)
    never = learn(start, rows[4:], FREELY, cache=cache)
    model = learn(start, rows, FREELY, cache=cache).state
    found = unlearn(model, Named.of(model, rows[:4]))
    assert not found.update.exact
    assert "tuned on these rows" in found.update.reasons[0]
    assert same_statistics(found.state, never.state)


def test_a_row_that_comes_twice_counts_once_in_whatever_batches(backbone, cache):
    start = taught_model("text-classification", "ridge", backbone, cache)
    rows = more_rows(start, 8)
    last = {**rows[0], "label": "good" if rows[0]["label"] == "bad" else "bad"}
    apart = taught_in(start, [rows, [last]], cache)
    together = taught_in(start, [[*rows, last]], cache)
    assert same_statistics(together, apart)
    assert together.schema == apart.schema
    assert sum(together.schema.counts) == 24 + 8


def test_ids_that_begin_anew_in_another_file_are_other_rows(backbone, cache):
    start = taught_model("text-classification", "ridge", backbone, cache)
    first, second = more_rows(start, 6), more_rows(start, 12)[6:]
    for at, (one, other) in enumerate(zip(first, second, strict=True)):
        one["id"] = other["id"] = str(at)
    both = taught_in(start, [first, second], cache)
    assert len(both.learner.ledger) == 24 + 12
    assert unlearn(both, Named(ids=frozenset(["3"]))).update.removed == 2


def test_what_is_forgotten_is_named_in_one_way(backbone, cache):
    model = taught_model("text-classification", "ridge", backbone, cache)
    with pytest.raises(DataError, match="exactly one"):
        model.unlearn(ids=["a"], label="bad")
    with pytest.raises(DataError, match="nothing to forget"):
        model.unlearn()


def test_a_model_without_a_ledger_takes_rows_at_their_word(backbone, cache, tmp_path):
    start = taught_model("text-classification", "ridge", backbone, cache, kernel=False)
    rows = more_rows(start, 12)
    model = learn(start, rows, FREELY, cache=cache).state
    never = learn(start, rows[4:], FREELY, cache=cache).state
    model.learner.ledger = None
    with pytest.raises(ModelError, match="--rows FILE"):
        unlearn(model, Named(ids=frozenset(["a"])))
    before = len(list(cache.folder.iterdir()))
    found = unlearn(model, Named.of(model, rows[:4]))
    assert not found.update.exact
    assert close(outputs(found.state, rows, cache), outputs(never, rows, cache), 1e-3)
    assert len(list(cache.folder.iterdir())) == before  # What goes is not kept on the way out.


@pytest.mark.parametrize(("tuner", "kept"), [("none", True), ("lora", False)])
def test_a_ledger_has_room_by_the_bytes_it_takes(tuner, kept, backbone, cache, monkeypatch):
    """What tuned layers give is kept whole, and takes twice as much."""
    room = taught_model("text-classification", "ridge", backbone, cache, kernel=False)
    monkeypatch.setattr("journeyman.training.ledger.LARGEST", room.learner.ledger.vectors.nbytes)
    model = taught_model("text-classification", "ridge", backbone, cache, tuner, kernel=False)
    assert (model.learner.ledger is not None) == kept


def test_a_row_learned_again_with_another_label_is_corrected(backbone, cache):
    start = taught_model("text-classification", "ridge", backbone, cache)
    rows = more_rows(start, 8)
    wrong = [{**rows[0], "label": "bad"}, *rows[1:]]
    right = learn(start, rows, FREELY, cache=cache).state
    mended = taught_in(start, [wrong, rows[:1]], cache)
    assert same_statistics(mended, right)
    twice = taught_in(start, [rows, rows], cache)
    assert same_statistics(twice, right)


def test_a_saved_model_learns_and_forgets_as_it_did_in_memory(backbone, cache, tmp_path):
    for kind, options in RIDGES.items():
        model = taught_model("text-classification", "ridge", backbone, cache, **options)
        write_model(model, tmp_path / kind)
        read = Model.load(tmp_path / kind, backbone)
        rows = more_rows(model, 10)
        one, other = (learn(each, rows, FREELY, cache=cache).state for each in (model, read))
        assert same_statistics(one, other)
        ids = sorted(one.learner.ledger.ids)[:3]
        first, second = (unlearn(each, Named(ids=frozenset(ids))).state for each in (one, other))
        assert same_statistics(first, second)
        assert first.learner.ledger.ids == second.learner.ledger.ids


def test_what_cannot_be_taught_or_forgotten_is_told(backbone, cache):
    linear = Sample("text-classification", backbone, train=24, validation=12)
    got = linear.finetune(cache.folder, head="linear", epochs=1)
    plain = Model("made", got.learner, linear.schema, linear.data, got.calibration)
    with pytest.raises(ModelError, match="head: ridge"):
        plain.learn(linear.rows)
    model = taught_model("text-classification", "ridge", backbone, cache)
    with pytest.raises(DataError, match="not learned"):
        model.unlearn(ids=["0123456789abcdef"])
    with pytest.raises(DataError, match="did you mean bad"):
        model.unlearn(label="bat")
    with pytest.raises(DataError, match="Nothing would be left"):
        model.unlearn(ids=model.learner.ledger.ids)
    strict = UpdateOptions(new_classes=False)
    rows = [{**row, "label": "zebra"} for row in more_rows(model, 3)]
    with pytest.raises(DataError, match="zebra"):
        model.learn(rows, strict)
    with pytest.raises(DataError, match="no rows"):
        model.learn([])
