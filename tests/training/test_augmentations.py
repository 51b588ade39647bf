"""Changed copies of rows: what changes, that seeds fix it, that only the loop learns from it."""

import numpy as np
import pytest
import torch
from contract_samples import Sample
from tiny import tiny_backbone

from journeyman.errors import JourneymanError
from journeyman.training.augmentations.base import AUGMENTATIONS, AugmentOptions, with_copies

OF_TEXTS = [name for name in AUGMENTATIONS if AUGMENTATIONS[name].modality == "text"]
TEXT = "The courier came two days late and left no note"
EDGES = ["", " ", "a", "好", "two  spaces", "天气很好", "émile été"]


@pytest.mark.parametrize("name", OF_TEXTS)
def test_a_text_changes_and_the_seed_says_how(name):
    kind = AUGMENTATIONS[name]()
    drawn = [kind.change(TEXT, 0.3, np.random.default_rng(seed)) for seed in range(20)]
    again = [kind.change(TEXT, 0.3, np.random.default_rng(seed)) for seed in range(20)]
    assert drawn == again
    assert sum(text != TEXT for text in drawn) >= 18
    assert len(set(drawn)) > 2
    assert all(len(text) >= len(TEXT) // 3 for text in drawn)


@pytest.mark.parametrize("text", EDGES)
@pytest.mark.parametrize("name", OF_TEXTS)
def test_no_text_is_too_short_or_comes_out_empty(name, text):
    for seed in range(10):
        got = AUGMENTATIONS[name]().change(text, 0.9, np.random.default_rng(seed))
        assert bool(got.strip()) == bool(text.strip())


def test_copies_stand_after_the_rows_with_their_targets(tmp_path):
    backbone = tiny_backbone(tmp_path)
    sample = Sample("text-classification", backbone, train=12, validation=6)
    options = AugmentOptions(copies=2, strength=0.5)
    of = sample.task, backbone, sample.schema, sample.train, options
    got = with_copies(*of, 0)
    assert len(got) == 36
    assert list(got.texts[:12]) == list(sample.train.texts)
    assert got.texts[12:24] != got.texts[24:]
    assert got.targets[12:24] == list(sample.train.targets)
    assert torch.equal(got.encoded.rows[24:], sample.train.encoded.rows)
    assert (
        with_copies(sample.task, backbone, sample.schema, sample.train, options, 0).texts
        == got.texts
    )
    assert (
        with_copies(sample.task, backbone, sample.schema, sample.train, options, 1).texts
        != got.texts
    )


def test_the_loop_learns_from_copies_and_a_solved_head_does_not(tmp_path):
    sample = Sample("text-classification", tiny_backbone(tmp_path), train=24, validation=9)
    options = {"tuner": "full", "cut": 1, "head": "ridge", "epochs": 1, "batch_size": 8}
    got = sample.finetune(tmp_path / "cache", augment={"copies": 2}, refit=False, **options)
    assert got.fitted.steps == 9
    assert int(got.learner.head.statistics()["targets"].shape[0]) == 24


def test_words_with_tags_keep_their_places(tmp_path):
    sample = Sample("token-classification", tiny_backbone(tmp_path), train=24, validation=9)
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(tmp_path / "cache", tuner="full", head="linear", augment={})
    assert caught.value.place == "finetune.augment"
