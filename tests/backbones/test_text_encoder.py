"""At every cut, frozen then tuned equals the library's own whole forward."""

import json

import pytest
import torch
from contract_samples import attached, steps
from tiny import FAMILIES_TINY, SHARED_TINY, tiny_backbone

FAMILIES = sorted({**FAMILIES_TINY, **SHARED_TINY})
TEXTS = ["the cat sat", "a much longer text about the cat and the mat and the dog", "dog"]


def hidden_of(backbone, inputs, cut):
    """Hidden states after all layers by way of the cut, zero where padded."""
    with torch.no_grad():
        features = backbone.tuned(backbone.frozen(inputs, cut), cut)
    return features.hidden * features.mask.unsqueeze(-1)


def library(backbone, inputs):
    """The same by the library's own whole forward."""
    tensors = inputs.padded()
    mask = tensors["attention_mask"]
    with torch.no_grad():
        whole = backbone.module(input_ids=tensors["input_ids"], attention_mask=mask.long())
    return whole.last_hidden_state * mask.unsqueeze(-1)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_cut_equals_the_whole_forward(family, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    inputs = backbone.prepare(TEXTS)
    whole = library(backbone, inputs)
    first = None
    for cut in backbone.permitted_cuts():
        torch.testing.assert_close(hidden_of(backbone, inputs, cut), whole, atol=1e-5, rtol=1e-4)
        with torch.no_grad():
            pooled = backbone.tuned(backbone.frozen(inputs, cut), cut).pooled
        assert sorted(pooled) == list(range(1, backbone.spec.depth + 1))
        first = first or pooled
        for layer, vectors in pooled.items():
            torch.testing.assert_close(vectors, first[layer], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("tuner_name", ["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_after_tuning_every_cut_still_equals_the_whole_forward(family, tuner_name, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    inputs = backbone.prepare(TEXTS)
    untuned = library(backbone, inputs)
    for cut in backbone.permitted_cuts()[:-1]:
        tuner, twin = attached(tuner_name, backbone, cut)
        steps(tuner, twin, cut)
        whole = library(twin, inputs)
        assert not torch.allclose(whole, untuned, atol=1e-3)
        torch.testing.assert_close(hidden_of(twin, inputs, cut), whole, atol=1e-4, rtol=1e-3)
        assert torch.equal(library(backbone, inputs), untuned)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_changes_nothing(family, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    inputs = backbone.prepare(TEXTS)
    for cut in backbone.permitted_cuts():
        together = backbone.tuned(backbone.frozen(inputs, cut), cut)
        for i in range(len(TEXTS)):
            alone = inputs.select([i])
            single = backbone.tuned(backbone.frozen(alone, cut), cut)
            for layer, vectors in single.pooled.items():
                torch.testing.assert_close(
                    vectors[0], together.pooled[layer][i], atol=1e-5, rtol=1e-3
                )


def test_shared_layers_are_cut_at_the_ends_alone(tmp_path):
    from journeyman.errors import JourneymanError

    backbone = tiny_backbone(tmp_path, "albert")
    assert backbone.permitted_cuts() == (0, 3)
    assert backbone.cut_below(2) == 0
    with pytest.raises(JourneymanError, match="cannot be cut at 1"):
        backbone.check_cut(1)
    assert not backbone.layer_parameters(3)
    assert backbone.layer_parameters(0)


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
