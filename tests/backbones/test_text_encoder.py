"""At every cut, frozen then tuned equals the library's own whole forward."""

import json

import pytest
import torch
from tiny import FAMILIES_TINY, tiny_backbone

TEXTS = ["the cat sat", "a much longer text about the cat and the mat and the dog", "dog"]


@pytest.mark.parametrize("family", sorted(FAMILIES_TINY))
def test_every_cut_equals_the_whole_forward(family, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    inputs = backbone.prepare(TEXTS)
    tensors = inputs.padded()
    with torch.no_grad():
        whole = backbone.module(
            input_ids=tensors["input_ids"], attention_mask=tensors["attention_mask"].long()
        ).last_hidden_state
        for cut in backbone.permitted_cuts():
            features = backbone.tuned(backbone.frozen(inputs, cut), cut)
            real = features.mask.unsqueeze(-1)
            torch.testing.assert_close(features.hidden * real, whole * real, atol=1e-5, rtol=1e-4)
            assert sorted(features.pooled) == list(range(1, backbone.spec.depth + 1))


def test_padding_changes_nothing(tmp_path):
    backbone = tiny_backbone(tmp_path)
    inputs = backbone.prepare(TEXTS)
    together = backbone.frozen(inputs, 2)
    for i in range(len(TEXTS)):
        alone = backbone.frozen(inputs.select([i]), 2)
        torch.testing.assert_close(alone.pooled[2][0], together.pooled[2][i], atol=1e-6, rtol=1e-4)


def test_a_clone_shares_what_is_frozen_and_owns_the_rest(tmp_path):
    backbone = tiny_backbone(tmp_path)
    twin = backbone.clone(2)
    mine, theirs = dict(backbone.module.named_parameters()), dict(twin.module.named_parameters())
    owned = set(backbone.layer_parameters(2))
    assert owned
    for name, parameter in mine.items():
        assert (theirs[name] is parameter) == (name not in owned)
    inputs = backbone.prepare(TEXTS)
    before = backbone.tuned(backbone.frozen(inputs, 2), 2).hidden
    with torch.no_grad():
        for name in owned:
            theirs[name].add_(1.0)
    assert torch.equal(backbone.tuned(backbone.frozen(inputs, 2), 2).hidden, before)
    assert not torch.allclose(twin.tuned(twin.frozen(inputs, 2), 2).hidden, before)


def test_equal_texts_have_equal_keys_and_pairs_differ(tmp_path):
    backbone = tiny_backbone(tmp_path)
    keys = backbone.prepare(["the cat", "the cat", "the dog"]).keys
    assert keys[0] == keys[1] != keys[2]
    pair = backbone.prepare([("the", "cat")]).keys
    assert pair[0] not in keys


def test_offsets_point_into_the_text(tmp_path):
    backbone = tiny_backbone(tmp_path)
    inputs = backbone.prepare(["the cat sat"])
    words = ["the cat sat"[a:b] for a, b in inputs.offsets[0] if b > a]
    assert words == ["the", "cat", "sat"]
    assert inputs.segments[0].tolist() == [-1, 0, 0, 0, -1]


def test_long_texts_are_cut_off(tmp_path):
    backbone = tiny_backbone(tmp_path, max_tokens=8)
    assert backbone.prepare(["the cat " * 40]).lengths.tolist() == [8]


def test_frozen_runs_without_dropout_and_leaves_the_mode_alone(tmp_path):
    backbone = tiny_backbone(tmp_path)
    backbone.module.train()
    inputs = backbone.prepare(TEXTS)
    first, second = backbone.frozen(inputs, 2), backbone.frozen(inputs, 2)
    assert torch.equal(first.hidden, second.hidden)
    assert backbone.module.training
    assert all(layer.training for layer in backbone.module.encoder.layer)


def test_rounding_is_what_half_precision_costs(tmp_path):
    backbone = tiny_backbone(tmp_path)
    features = backbone.frozen(backbone.prepare(TEXTS), 2)
    rounded = features.rounded()
    error = (rounded.hidden - features.hidden).abs()
    assert float(error.max()) > 0
    assert bool((error <= features.hidden.abs() * 2.0**-11 + 2.0**-25).all())


def test_a_foreign_folder_is_refused(tmp_path):
    from journeyman.backbones.text_encoder import load_backbone
    from journeyman.errors import ModelError

    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    spec = {"name": "x", "licence": "", "source": "", "sha256": ""}
    with pytest.raises(ModelError, match="llama"):
        load_backbone(tmp_path, spec)


@pytest.mark.parametrize("family", sorted(FAMILIES_TINY))
def test_without_dropout_training_mode_answers_as_evaluation_does(family, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    inputs = backbone.prepare(["the cat sat on the mat", "a dog ran"])
    features = backbone.frozen(inputs, 1)
    calm, wild = backbone.dropping(0.0), backbone.dropping(0.5)
    expected = backbone.tuned(features, 1).pooled[backbone.spec.depth]
    for twin in (calm, wild):
        twin.module.train()
    assert torch.equal(calm.tuned(features, 1).pooled[backbone.spec.depth], expected)
    assert not torch.equal(wild.tuned(features, 1).pooled[backbone.spec.depth], expected)
