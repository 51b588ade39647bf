"""Which tokens are hidden, what stands for them, and how they are grouped to words."""

import numpy as np
import pytest
import torch
from tiny import tiny_backbone

from journeyman.backbones.text_inputs import TextInputs, mask_id
from journeyman.pretraining.masking import SPECIAL, MaskedSource, Masker, units_of
from journeyman.tasks.base import IGNORED

TEXTS = ["the cat sat on the mat and the dog was good", "dog", "a very lovely film about paris"]


@pytest.fixture
def backbone(tmp_path):
    return tiny_backbone(tmp_path)


def masker_of(backbone, share=0.15):
    return Masker(share, mask_id(backbone.tokenizer), backbone.tokenizer.get_vocab_size())


def test_eight_of_ten_become_the_mask_one_another_word_one_stays():
    row = np.full(40_000, 7, dtype=np.int32)
    none = np.zeros(0, dtype=np.int32)
    inputs = TextInputs([row], [none], [np.zeros((len(row), 2), np.int32)], [row * 0], 0)
    torch.manual_seed(0)
    hidden, labels = Masker(0.15, 4, 1000).hide(inputs, [np.arange(len(row))])
    chosen = labels[0] != IGNORED
    shown = hidden.ids[0][chosen.numpy()]
    assert chosen.float().mean() == pytest.approx(0.15, abs=0.01)
    assert (shown == 4).mean() == pytest.approx(0.8, abs=0.02)
    assert (shown == 7).mean() == pytest.approx(0.1, abs=0.02)
    assert len(set(shown.tolist()) - {4, 7}) > 300
    assert bool((labels[0][chosen] == 7).all())
    assert (hidden.ids[0][~chosen.numpy()] == 7).all()


def test_special_tokens_stay_and_every_text_hides_something(backbone):
    inputs = backbone.prepare(TEXTS)
    units = units_of(inputs, TEXTS, whole_words=False)
    torch.manual_seed(1)
    for _ in range(20):
        hidden, labels = masker_of(backbone, 0.01).hide(inputs, units)
        assert bool(((labels != IGNORED).sum(1) >= 1).all())
        for row, ids in enumerate(hidden.ids):
            assert ids[0] == inputs.ids[row][0]
            assert ids[-1] == inputs.ids[row][-1]
            assert labels[row, len(ids) - 1 :].eq(IGNORED).all()


def test_tokens_of_a_word_are_hidden_together():
    text = "unlikely 酒店很好 don't"
    offsets = [(0, 0), (0, 2), (2, 8), (9, 11), (11, 12), (12, 13), (14, 17), (17, 19), (0, 0)]
    segments = np.array([-1, 0, 0, 0, 0, 0, 0, 0, -1], dtype=np.int32)
    ids = np.arange(9, dtype=np.int32) + 10
    none = np.zeros(0, dtype=np.int32)
    inputs = TextInputs([ids], [none], [np.array(offsets, np.int32)], [segments], 0)
    (units,) = units_of(inputs, [text], whole_words=True)
    assert units.tolist() == [SPECIAL, 0, 0, 1, 2, 3, 4, 4, SPECIAL]
    torch.manual_seed(0)
    for _ in range(30):
        _, labels = Masker(0.3, 5, 100).hide(inputs, [units])
        hidden = (labels[0] != IGNORED).tolist()
        assert hidden[1] == hidden[2]
        assert hidden[6] == hidden[7]


def test_words_of_a_pair_are_told_apart(backbone):
    pair = ("the cat", "the dog")
    (units,) = units_of(backbone.prepare([pair]), [pair], whole_words=True)
    assert units.tolist() == [SPECIAL, 0, 1, SPECIAL, 2, 3, SPECIAL]


def test_held_out_texts_are_hidden_once_and_others_anew(backbone):
    inputs = backbone.prepare(TEXTS)
    units = units_of(inputs, TEXTS, whole_words=False)
    held = MaskedSource(backbone, inputs, units, masker_of(backbone), 1, seed=3)
    fresh = MaskedSource(backbone, inputs, units, masker_of(backbone), 1)
    before = torch.get_rng_state()
    first, again = held.gather([2, 0]), held.gather([2, 0])
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.labels, again.labels)
    assert torch.equal(first.hidden, again.hidden)
    seen = {tuple(fresh.gather([0]).labels.flatten().tolist()) for _ in range(12)}
    assert len(seen) > 3
