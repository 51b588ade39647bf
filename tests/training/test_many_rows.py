"""Many rows: features lie on disk, and are the same numbers as in memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from contract_samples import Sample, made_rows
from tiny import tiny_backbone

from journeyman.backbones import scratch as scratch_module
from journeyman.backbones import text_encoder
from journeyman.backbones.ragged import Ragged
from journeyman.backbones.scratch import scratch
from journeyman.errors import ResourceError
from journeyman.heads import feature_map
from journeyman.progress import Reporter
from journeyman.tasks import multi_label_classification
from journeyman.tasks.base import TASKS
from journeyman.training import feature_source as source
from journeyman.training.cache.feature_cache import FeatureCache, expected_bytes
from journeyman.training.examples import make_examples
from journeyman.training.loop import Split
from journeyman.training.solving import solver_rows


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("many"))


def test_a_large_tensor_is_mapped_and_leaves_no_file(own_home, monkeypatch):
    monkeypatch.setattr(scratch_module, "IN_MEMORY_BYTES", 100)
    tensor = scratch(30, 2)
    tensor[:] = torch.arange(60.0).reshape(30, 2)
    assert float(tensor[29, 1]) == 59.0
    assert list((own_home / "scratch").iterdir()) == []
    assert "deleted" in Path("/proc/self/maps").read_text().split("scratch")[-1].splitlines()[0]


def test_a_disk_without_room_is_told(own_home, monkeypatch):
    monkeypatch.setattr(scratch_module, "IN_MEMORY_BYTES", 100)

    def full(descriptor, start, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scratch_module.os, "posix_fallocate", full)
    with pytest.raises(ResourceError) as caught:
        scratch(1000, 2)
    assert "No space" in caught.value.found
    assert list((own_home / "scratch").iterdir()) == []


@pytest.mark.parametrize("task", [name for name in TASKS if TASKS[name].unit != "map"])
@pytest.mark.parametrize("tuner", ["none", "full"])
def test_features_on_disk_are_those_in_memory(task, tuner, backbone, monkeypatch):
    sample = Sample(task, backbone, train=30, validation=6)
    learner = sample.learner(tuner=tuner, head="ridge")
    split = Split(sample.train, learner.uncached(sample.train))
    near = solver_rows(learner, split)
    monkeypatch.setattr(scratch_module, "IN_MEMORY_BYTES", 1)
    far = solver_rows(learner, split)
    assert near.keys() == far.keys()
    assert all(torch.equal(near[layer], far[layer]) for layer in near)


def test_penalties_are_chosen_alike_whether_features_are_kept_or_made_again(
    backbone, tmp_path, monkeypatch
):
    sample = Sample("text-classification", backbone, train=60, validation=30)
    options = {"tuner": "full", "cut": 1, "epochs": 1, "head": {"name": "ridge", "features": 64}}
    kept = sample.finetune(tmp_path, **options)
    monkeypatch.setattr(feature_map, "KEPT_BYTES", 0)
    again = sample.finetune(tmp_path, **options)
    assert again.learner.head.choices == kept.learner.head.choices


@pytest.mark.parametrize("name", ["text-classification", "multi-label-classification"])
def test_targets_of_many_rows_are_mapped_and_the_same(backbone, own_home, monkeypatch, name):
    few = Sample(name, backbone, train=30, validation=6)
    monkeypatch.setattr(scratch_module, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(multi_label_classification, "ROWS", 7)
    many = Sample(name, backbone, train=30, validation=6)
    assert torch.equal(many.train.encoded.rows, few.train.encoded.rows)
    assert "deleted" in Path("/proc/self/maps").read_text().split("scratch")[-1].splitlines()[0]


def test_rows_come_a_part_at_a_time(backbone):
    sample = Sample("text-classification", backbone, train=9, validation=6)
    columns = sample.data.model_copy(update={"slices": ("label",)})
    given = iter(sample.rows[:9])
    made = make_examples(sample.task, backbone, given, columns, sample.schema)
    assert list(made.texts) == [row["text"] for row in sample.rows[:9]]
    assert made.slices["label"] == [row["label"] for row in sample.rows[:9]]
    assert torch.equal(made.encoded.rows, sample.train.encoded.rows)


def test_rows_judged_whole_hold_no_places_of_tokens(backbone):
    whole = Sample("text-classification", backbone, train=9, validation=6).train.inputs
    assert whole.offsets.values.size == whole.segments.values.size == 0
    fresh = backbone.prepare(made_rows(9)[0]["text"].split())
    assert fresh.bare().keys == fresh.keys
    assert fresh.bare().select([2, 1]).keys == fresh.select([2, 1]).keys
    words = Sample("token-classification", backbone, train=9, validation=6).train.inputs
    assert words.offsets.values.size == 2 * words.segments.values.size > 0


def test_many_texts_are_tokenised_as_few_are(backbone, monkeypatch):
    texts = [f"the cat {'sat ' * (at % 5)}" for at in range(23)]
    whole = backbone.prepare(texts)
    monkeypatch.setattr(text_encoder, "ROWS", 4)
    parts = backbone.prepare(texts)
    assert list(parts.keys) == list(whole.keys)
    for name in ("ids", "offsets", "segments"):
        pairs = zip(getattr(parts, name), getattr(whole, name), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
    assert parts.select([5, 2]).keys == [whole.keys[5], whole.keys[2]]


def test_a_million_rows_take_a_few_bytes_a_token():
    rows = Ragged.of(
        [np.arange(length, dtype=np.int32) for length in (3, 0, 2)], np.zeros(0, np.int32)
    )
    assert [row.tolist() for row in rows] == [[0, 1, 2], [], [0, 1]]
    assert rows[-1].tolist() == [0, 1]
    assert rows[1:][1].tolist() == [0, 1]
    assert rows.lengths.tolist() == [3, 0, 2]
    assert rows.values.nbytes == 5 * 4
    assert rows[0].base is not None
    with pytest.raises(IndexError):
        rows[3]


class Listener(Reporter):
    """Keeps what is said."""

    def __init__(self):
        super().__init__(quiet=True)
        self.said = []

    def say(self, text):
        self.said.append(text)


def test_what_the_cache_will_take_is_said_first_and_true(backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "ANNOUNCED_BYTES", 1)
    sample = Sample("text-classification", backbone, train=40, validation=6)
    cache, listener = FeatureCache(tmp_path), Listener()
    learner = sample.learner(tuner="lora", cut=1)
    source.feature_source(learner, sample.train, cache, listener)
    assert "on disk" in listener.said[0]
    need = cache.planned(backbone, sample.train.inputs, 1, keep_hidden=True)
    assert cache.stats.bytes_asked == need
    assert cache.index.total_bytes() == pytest.approx(need, abs=1000)


def test_room_is_made_before_rows_are_added(backbone, tmp_path):
    sample = Sample("text-classification", backbone, train=40, validation=40)
    first, second = sample.train.inputs, sample.validation.inputs
    need = expected_bytes(backbone, first.lengths, 1, True)
    cache = FeatureCache(tmp_path, limit_bytes=int(need * 1.3))
    cache.features(backbone, first, 1, keep_hidden=True)
    sizes = []
    real = cache.index.add

    def add(record, entries):
        real(record, entries)
        sizes.append(cache.index.total_bytes())

    cache.index.add = add
    cache.features(backbone, second, 1, keep_hidden=True)
    assert sizes
    assert max(sizes) <= cache.limit_bytes
