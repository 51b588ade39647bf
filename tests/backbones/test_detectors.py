"""Detectors cut at any depth, with their native heads, say what the library says."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from contract_samples import attached
from tiny import (
    DETECTORS_TINY,
    HGNET_TINY,
    RESNET_TINY,
    tiny_detector,
    tiny_detector_folder,
    tiny_pictures,
    tiny_vision_folder,
)

from journeyman.backbones.base import FAMILIES
from journeyman.backbones.text_encoder import load_backbone
from journeyman.errors import JourneymanError, ModelError
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import rounded

KINDS = sorted(DETECTORS_TINY)
DECODERS = [kind for kind in KINDS if kind != "yolos"]
SPEC = {"name": "odd", "licence": "", "source": "", "sha256": ""}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return tiny_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder, kept = tmp_path_factory.mktemp("detectors"), {}

    def load(kind):
        if kind not in kept:
            kept[kind] = tiny_detector(folder, kind)
        return kept[kind]

    return load


@cache
def detector(folder):
    from transformers import AutoModelForObjectDetection

    return AutoModelForObjectDetection.from_pretrained(folder).eval()


def library(backbone, inputs):
    """Classes and boxes by the library's own whole forward."""
    with torch.no_grad():
        found = detector(backbone.folder)(inputs.pixels().contiguous())
    return found.logits, found.pred_boxes


def through(backbone, head, inputs, cut):
    with torch.no_grad():
        found = head(backbone.tuned(backbone.frozen(inputs, cut), cut))
    return found["logits"], found["boxes"]


def in_order(logits, boxes):
    """Of queries that are as good as each other, either may come first: here by a class."""
    order = logits[..., 0].argsort(1)[..., None]
    return logits.take_along_dim(order, 1), boxes.take_along_dim(order, 1)


def head_of(backbone):
    return native_head(backbone.native_head, backbone.folder)


@cache
def native_head(kind, folder):
    return kind.taken(folder, 5, 0).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_equals_the_librarys_whole_forward(kind, loaded, pictures):
    backbone = loaded(kind)
    inputs = backbone.prepare(pictures)
    whole = library(backbone, inputs)
    assert whole[0].std(0).mean() > 5e-5
    assert whole[1].std((0, 1)).mean() > 1e-4
    head = head_of(backbone)
    for cut in backbone.permitted_cuts():
        found = through(backbone, head, inputs, cut)
        torch.testing.assert_close(in_order(*found), in_order(*whole), atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_another_size_of_pictures_keeps_to_the_library(kind, loaded, pictures):
    size = 96
    backbone = load_backbone(Path(loaded(kind).folder), SPEC, {"image_size": size})
    inputs = backbone.prepare(pictures)
    assert inputs.pixels().shape == (3, 3, size, size)
    whole = library(backbone, inputs)
    for cut in (0, 1, backbone.spec.depth):
        found = through(backbone, head_of(backbone), inputs, cut)
        torch.testing.assert_close(in_order(*found), in_order(*whole), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_square_holds_the_whole_picture(kind, loaded, pictures):
    backbone = loaded(kind)
    assert (backbone.preprocessing.height, backbone.preprocessing.width) == (64, 64)
    placement = backbone.prepare(pictures).placements()[0]
    corners = placement.boxes(np.array([[0.0, 0.0, 40.0, 36.0]]))
    own_shape = [0, 3 / 64, 1, 61 / 64]
    np.testing.assert_allclose(corners[0], own_shape if kind == "yolos" else [0, 0, 1, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_layer_is_said_to_put_out_is_what_it_puts_out(kind, loaded, pictures):
    backbone = loaded(kind)
    inputs, depth = backbone.prepare(pictures), backbone.spec.depth
    for cut in range(1, depth + 1):
        features = backbone.frozen(inputs, cut)
        rows, positions, width = features.hidden.shape
        assert backbone.positions(inputs.lengths, cut).tolist() == [positions] * rows
        assert backbone.width_at(cut) == width == features.pooled[cut].shape[1]
        assert features.grid == backbone.grid_at(cut)
        assert features.grid[0] * features.grid[1] <= positions
        assert sorted(features.pooled) == list(range(1, cut + 1))
        bare = backbone.frozen(inputs, cut, keep_hidden=False)
        assert bare.hidden is None
    plain = backbone.mapping((depth,))
    features = plain.tuned(plain.frozen(inputs, depth), depth)
    finest = features.grid[0] * features.grid[1]
    as_tokens = features.maps[depth].flatten(2).transpose(1, 2)
    assert torch.equal(as_tokens, features.hidden[:, -finest:])


@pytest.mark.parametrize("kind", DECODERS)
def test_maps_are_kept_where_the_hybrid_encoder_is_still_to_come(kind, loaded, pictures, tmp_path):
    backbone = loaded(kind)
    inputs = backbone.prepare(pictures)
    kept = [sorted(backbone.frozen(inputs, cut).maps) for cut in range(1, 6)]
    assert kept == [[], [], [2], [2, 3], []]
    assert backbone.tuned(backbone.frozen(inputs, 3), 3).maps == {}
    head = head_of(backbone)
    cache = FeatureCache(tmp_path / "cache")
    for cut in range(1, 6):
        found = cache.features(backbone, inputs, cut, keep_hidden=True).gather([2, 0])
        made = rounded(backbone.frozen(inputs, cut))
        with torch.no_grad():
            near = head(backbone.tuned(found, cut))["boxes"]
            exact = head(backbone.tuned(made, cut))["boxes"][[2, 0]]
        torch.testing.assert_close(near, exact, atol=1e-5, rtol=1e-4)
    cache.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_backbone_has_nothing_of_its_native_head(kind, loaded):
    backbone = loaded(kind)
    head = head_of(backbone)
    ours, theirs = (sum(p.numel() for p in m.parameters()) for m in (backbone.module, head))
    whole = detector(backbone.folder)
    unused = getattr(whole.model, "denoising_class_embed", None) if kind != "yolos" else None
    rest = sum(p.numel() for p in unused.parameters()) if unused is not None else 0
    assert ours + theirs + rest == sum(p.numel() for p in whole.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_owns_what_is_above_the_cut_and_follows_it(kind, loaded, pictures):
    backbone = loaded(kind)
    inputs, cut = backbone.prepare(pictures), backbone.spec.depth - 1
    twin = backbone.clone(cut)
    assert twin.native_head is backbone.native_head
    owned = twin.layer_parameters(cut)
    theirs = dict(backbone.module.named_parameters())
    assert owned
    for name, parameter in twin.module.named_parameters():
        assert (parameter is theirs[name]) == (name not in owned), name
    before = through(backbone, head_of(backbone), inputs, cut)
    with torch.no_grad():
        for parameter in owned.values():
            parameter.add_(0.1)
    after = through(twin, head_of(twin), inputs, cut)
    assert not torch.allclose(before[0], after[0])
    torch.testing.assert_close(through(backbone, head_of(backbone), inputs, cut), before)
    for other in (0, 1, cut):
        found = through(twin, head_of(twin), inputs, other)
        torch.testing.assert_close(found, after, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_named_parameter_of_a_layer_is_used_by_it(kind, loaded, pictures):
    backbone = loaded(kind).clone(0)
    inputs = backbone.prepare(pictures)
    everything = backbone.layer_parameters(0)
    for parameter in everything.values():
        parameter.requires_grad_(True)
    backbone.tuned(backbone.frozen(inputs, 0), 0).hidden.pow(2).sum().backward()
    assert [name for name, parameter in everything.items() if parameter.grad is None] == []


@pytest.mark.parametrize("kind", KINDS)
def test_rows_one_by_one_have_the_gradient_of_all_at_once(kind, loaded, pictures):
    cut = loaded(kind).spec.depth - 1
    backbone = loaded(kind).clone(cut)
    owned = backbone.layer_parameters(cut)
    for parameter in owned.values():
        parameter.requires_grad_(True)
    backbone.module.train()

    def gradients(batches):
        total = {name: torch.zeros_like(parameter) for name, parameter in owned.items()}
        for rows in batches:
            inputs = backbone.prepare([pictures[row] for row in rows])
            hidden = backbone.tuned(backbone.frozen(inputs, cut), cut).hidden
            found = torch.autograd.grad(hidden.square().sum(), list(owned.values()))
            for name, gradient in zip(owned, found, strict=True):
                total[name] += gradient
        return total

    whole, parts = gradients([[0, 1, 2]]), gradients([[0], [1], [2]])
    for name, gradient in whole.items():
        assert (parts[name] - gradient).norm() <= 1e-3 * gradient.norm() + 1e-3, name


@pytest.mark.parametrize("kind", KINDS)
def test_lora_bends_what_is_above_the_cut(kind, loaded, pictures):
    backbone = loaded(kind)
    inputs, cut = backbone.prepare(pictures), backbone.spec.depth - 1
    tuner, twin = attached("lora", backbone, cut)
    twin.module.eval()
    with torch.no_grad():
        for parameter in tuner.parameters().values():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    bent, plain = (through(b, head_of(backbone), inputs, cut)[0] for b in (twin, backbone))
    assert not torch.allclose(bent, plain, atol=1e-3)


def test_two_levels_are_as_good_as_three(tmp_path, pictures):
    said = {"encoder_in_channels": [16, 20], "feat_strides": [16, 32], "num_feature_levels": 2}
    said |= {"decoder_in_channels": [16, 16], "encode_proj_layers": [1]}
    said["backbone_config"] = {**HGNET_TINY, "out_features": ["stage3", "stage4"]}
    folder = tiny_detector_folder(tmp_path / "two", "d_fine", **said)
    backbone = load_backbone(folder, SPEC)
    inputs = backbone.prepare(pictures)
    whole = library(backbone, inputs)
    assert sorted(backbone.frozen(inputs, 4).maps) == [3]
    for cut in backbone.permitted_cuts():
        found = through(backbone, head_of(backbone), inputs, cut)
        torch.testing.assert_close(in_order(*found), in_order(*whole), atol=2e-6, rtol=1e-4)


def test_a_size_that_levels_do_not_fit_is_refused(tmp_path):
    with pytest.raises(JourneymanError) as caught:
        tiny_detector(tmp_path, "rt_detr", image_size=48)
    assert caught.value.place == "backbone.image_size"
    assert "64" in caught.value.remedy


def test_a_network_below_whose_stages_are_not_known_is_refused(tmp_path):
    sizes = {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 12, 16, 20], "embedding_size": 8}
    other = {"model_type": "resnet", **sizes, "layer_type": "basic"}
    other["out_features"] = RESNET_TINY["out_features"]
    folder = tiny_detector_folder(tmp_path / "odd", "rt_detr", backbone_config=other)
    with pytest.raises(ModelError) as caught:
        load_backbone(folder, SPEC)
    assert caught.value.found == "resnet"


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_of_one_family(kind, loaded):
    config = json.loads((Path(loaded(kind).folder) / "config.json").read_text())
    assert [name for name in FAMILIES if FAMILIES[name].recognises(config)] == ["detector"]


@pytest.mark.parametrize("kind", ["yolos", "rt_detr", "vit"])
def test_a_detector_sees_pictures_as_it_was_taught_and_others_as_is_usual(kind, tmp_path):
    make = tiny_vision_folder if kind == "vit" else tiny_detector_folder
    folder = make(tmp_path / kind, kind)
    plain = load_backbone(folder, SPEC).preprocessing
    usual = {"image_size": 64, "resize": "letterbox"}
    seen = load_backbone(folder, SPEC, {}, usual).preprocessing
    if kind == "vit":
        assert (seen.height, seen.width, seen.letterbox) == (64, 64, True)
        asked = load_backbone(folder, SPEC, {"resize": "exact"}, usual).preprocessing
        assert (asked.height, asked.letterbox) == (64, False)
    else:
        assert seen == plain
