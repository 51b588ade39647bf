"""At every cut, frozen then tuned equals the library's own whole forward, for pictures too."""

import json

import pytest
import torch
from contract_samples import attached
from tiny import VISION_TINY, tiny_pictures, tiny_vision, tiny_vision_folder
from torch import nn

from journeyman.backbones.folding import folded
from journeyman.backbones.picture_inputs import Picture
from journeyman.errors import JourneymanError, ModelError

FAMILIES = [*sorted(VISION_TINY), "inverted-residual"]
NORMED = ["efficientnet", "inverted-residual", "mobilenet_v2"]
TOKENS = ["deit", "dinov2", "vit"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return tiny_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder, kept = tmp_path_factory.mktemp("vision"), {}

    def load(family):
        if family not in kept:
            kept[family] = tiny_vision(folder, family)
        return kept[family]

    return load


def library(backbone, inputs):
    """Hidden states [B, T, D] by the network's own whole forward."""
    pixels = inputs.pixels().contiguous()
    with torch.no_grad():
        found = backbone.module(pixels)
    hidden = found if isinstance(found, torch.Tensor) else found.last_hidden_state
    return hidden.flatten(2).transpose(1, 2) if hidden.dim() == 4 else hidden


def through(backbone, inputs, cut):
    with torch.no_grad():
        return backbone.tuned(backbone.frozen(inputs, cut), cut)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_cut_equals_the_whole_forward(family, loaded, pictures):
    backbone = loaded(family)
    inputs = backbone.prepare(pictures)
    whole = library(backbone, inputs)
    assert whole.std() > 1e-3
    first = None
    for cut in backbone.permitted_cuts():
        features = through(backbone, inputs, cut)
        torch.testing.assert_close(features.hidden, whole, atol=1e-5, rtol=1e-4)
        assert sorted(features.pooled) == list(range(1, backbone.spec.depth + 1))
        first = first or features.pooled
        for layer, vectors in features.pooled.items():
            torch.testing.assert_close(vectors, first[layer], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(first[backbone.spec.depth], whole.mean(1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_layer_is_said_to_put_out_is_what_it_puts_out(family, loaded, pictures):
    backbone = loaded(family)
    inputs = backbone.prepare(pictures)
    for cut in range(1, backbone.spec.depth + 1):
        features = backbone.frozen(inputs, cut)
        rows, positions, width = features.hidden.shape
        assert features.mask.shape == (rows, positions)
        assert features.mask.all()
        assert backbone.positions(inputs.lengths, cut).tolist() == [positions] * rows
        assert backbone.width_at(cut) == width == features.pooled[cut].shape[1]
        assert features.grid == backbone.grid_at(cut)
        extra = {"vit": 1, "dinov2": 1, "deit": 2}.get(family, 0)
        assert features.grid[0] * features.grid[1] + extra == positions
    assert backbone.spec.width == width
    assert backbone.frozen(inputs, 0).inputs is inputs
    bare = backbone.frozen(inputs, backbone.spec.depth, keep_hidden=False)
    assert bare.hidden is None
    assert len(bare) == len(pictures)


def test_the_class_token_comes_first(loaded, pictures):
    backbone = loaded("vit")
    features = backbone.frozen(backbone.prepare(pictures), 1)
    token = backbone.module.embeddings.cls_token + backbone.module.embeddings.position_embeddings
    alone = backbone.module.layers[0](token[:, :1])
    assert features.hidden.shape[1] == 17
    assert not torch.allclose(alone, features.hidden[:1, :1])
    with torch.no_grad():
        stem = backbone.embedding_module()(backbone.prepare(pictures).pixels())
    assert torch.equal(stem[:, 0], token[0, :1].expand(3, -1))


@pytest.mark.parametrize("family", FAMILIES)
def test_another_size_of_pictures_keeps_the_cut_and_the_whole_together(family, tmp_path, pictures):
    backbone = tiny_vision(tmp_path, family, image_size=48)
    native = tiny_vision(tmp_path, family)
    inputs = backbone.prepare(pictures)
    assert inputs.pixels().shape == (3, 3, 48, 48)
    assert backbone.grid_at(1)[0] * 2 == native.grid_at(1)[0] * 3
    assert backbone.manner != native.manner
    assert backbone.options == {"image_size": 48}
    whole = through(backbone, inputs, 0).hidden
    for cut in (1, backbone.spec.depth - 1):
        found = through(backbone, inputs, cut).hidden
        torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_of_cells_where_asked_for(family, tmp_path, loaded, pictures):
    backbone, plain = tiny_vision(tmp_path, family, cells=2), loaded(family)
    assert backbone.manner != plain.manner
    depth = backbone.spec.depth
    inputs = backbone.prepare(pictures)
    maps = plain.mapping(range(1, depth + 1)).frozen(inputs, depth, keep_hidden=False).maps
    for cut in (0, 1, depth):
        found = through(backbone, inputs, cut).pooled
        for layer, vectors in found.items():
            height, width = backbone.grid_at(layer)
            cells = min(2, height), min(2, width)
            assert backbone.cells_at(layer) == cells[0] * cells[1]
            assert vectors.shape == (3, backbone.pooled_width_at(layer))
            wanted = torch.nn.functional.adaptive_avg_pool2d(maps[layer], cells)
            vectors = vectors.reshape(3, -1, backbone.width_at(layer)).transpose(1, 2)
            if cells != (1, 1):
                torch.testing.assert_close(vectors, wanted.flatten(2), atol=1e-5, rtol=1e-4)
    assert backbone.cells_at(1) == 4


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_and_its_mirror_image_have_the_same_vectors_where_asked_for(
    family, tmp_path, loaded, pictures
):
    backbone, plain = tiny_vision(tmp_path, family, mirror=True, cells=2), loaded(family)
    assert backbone.mirrors
    assert backbone.clone(None).mirrors
    depth = backbone.spec.depth
    views = [[Picture(path, view) for path in pictures] for view in ("", "mirror:0")]
    one, other = (backbone.frozen(backbone.prepare(v), depth, keep_hidden=False) for v in views)
    same, apart = (plain.frozen(plain.prepare(v), depth, keep_hidden=False) for v in views)
    for layer, vectors in one.pooled.items():
        torch.testing.assert_close(vectors, other.pooled[layer], atol=1e-5, rtol=1e-4)
        cells = backbone.cells_at(layer)
        if cells == 1 or family in {"vit", "deit", "dinov2"}:
            continue
        rows = vectors.reshape(3, cells, -1).mean(1)
        mean = (same.pooled[layer] + apart.pooled[layer]) / 2
        if backbone.grid_at(layer)[0] % 2 == 0:
            torch.testing.assert_close(rows, mean, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", NORMED)
def test_statistics_stay_as_pretrained_while_training(family, loaded, pictures):
    backbone = loaded(family).clone(0)
    inputs = backbone.prepare(pictures)
    before = {name: buffer.clone() for name, buffer in backbone.module.named_buffers()}
    backbone.module.train()
    norms = [m for m in backbone.module.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert backbone.module.training
    backbone.tuned(backbone.frozen(inputs, 1), 1)
    for name, buffer in backbone.module.named_buffers():
        assert torch.equal(buffer, before[name]), name


@pytest.mark.parametrize("family", NORMED)
def test_normalisations_are_folded_below_the_cut_and_follow_the_weights(family, loaded, pictures):
    backbone = loaded(family).clone(0)
    inputs, depth = backbone.prepare(pictures), backbone.spec.depth
    before = backbone.frozen(inputs, depth).hidden
    twin = folded(backbone.module)
    assert not any(isinstance(each, nn.BatchNorm2d) for each in twin.modules())
    assert any(isinstance(each, nn.BatchNorm2d) for each in backbone.module.modules())
    with torch.no_grad():
        for parameter in backbone.layer_parameters(1).values():
            parameter.mul_(1.1)
    after = backbone.frozen(inputs, depth).hidden
    assert not torch.allclose(before, after, atol=1e-3)
    torch.testing.assert_close(after, library(backbone, inputs), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["dinov2", "efficientnet", "inverted-residual"])
def test_paths_are_dropped_while_training_and_never_below_the_cut(family, loaded, pictures):
    backbone = loaded(family).dropping(0.5)
    inputs = backbone.prepare(pictures)
    depth = backbone.spec.depth
    backbone.module.train()
    torch.manual_seed(0)
    one, two = (through(backbone, inputs, 1).hidden for _ in range(2))
    assert not torch.allclose(one, two)
    below = [backbone.frozen(inputs, depth).hidden for _ in range(2)]
    assert torch.equal(*below)
    assert torch.allclose(below[0], loaded(family).frozen(inputs, depth).hidden)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_clone_owns_what_it_says_and_shares_the_rest(family, loaded, pictures):
    backbone = loaded(family)
    cut = backbone.spec.depth - 1
    twin = backbone.clone(cut)
    owned = twin.layer_parameters(cut)
    theirs = dict(backbone.module.named_parameters())
    assert owned
    for name, parameter in twin.module.named_parameters():
        assert (parameter is theirs[name]) == (name not in owned), name
    for (_, mine), (_, other) in zip(
        twin.module.named_buffers(), backbone.module.named_buffers(), strict=True
    ):
        assert mine is other
    inputs = backbone.prepare(pictures)
    untouched = through(backbone, inputs, cut).hidden
    with torch.no_grad():
        for parameter in owned.values():
            parameter.add_(0.5)
    assert torch.equal(through(backbone, inputs, cut).hidden, untouched)
    assert not torch.allclose(through(twin, inputs, cut).hidden, untouched)
    shared = backbone.clone(None)
    assert all(parameter is theirs[n] for n, parameter in shared.module.named_parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_named_parameter_of_a_layer_is_used_by_it(family, loaded, pictures):
    backbone = loaded(family).clone(0)
    inputs = backbone.prepare(pictures)
    everything = backbone.layer_parameters(0)
    for parameter in everything.values():
        parameter.requires_grad_(True)
    backbone.tuned(backbone.frozen(inputs, 0), 0).hidden.pow(2).sum().backward()
    assert [name for name, parameter in everything.items() if parameter.grad is None] == []
    last = set(backbone.layer_parameters(backbone.spec.depth - 1))
    assert last < set(backbone.layer_parameters(1)) < set(everything)
    assert not set(backbone.layer_parameters(backbone.spec.depth))


@pytest.mark.parametrize("tuner_name", ["full", "lora"])
@pytest.mark.parametrize("family", ["vit", "swin", "convnext", "inverted-residual"])
def test_after_tuning_every_cut_below_equals_the_whole(family, tuner_name, loaded, pictures):
    if (family, tuner_name) == ("inverted-residual", "lora"):
        pytest.skip("it has no linear layers")
    backbone = loaded(family)
    inputs = backbone.prepare(pictures)
    untuned = library(backbone, inputs)
    tuner, twin = attached(tuner_name, backbone, 1)
    twin.module.eval()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in tuner.parameters().values():
            parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.05)
    whole = library(twin, inputs)
    assert not torch.allclose(whole, untuned, atol=1e-3)
    for cut in (0, 1):
        torch.testing.assert_close(through(twin, inputs, cut).hidden, whole, atol=1e-4, rtol=1e-3)
    assert torch.equal(library(backbone, inputs), untuned)


@pytest.mark.parametrize("family", FAMILIES)
def test_in_bfloat16_features_are_near(family, tmp_path, pictures):
    backbone = tiny_vision(tmp_path, family, precision="bfloat16")
    exact = tiny_vision(tmp_path, family)
    inputs, depth = backbone.prepare(pictures), backbone.spec.depth
    assert backbone.manner == exact.manner + " in bfloat16"
    assert backbone.options == {"precision": "bfloat16"}
    near, true = (b.frozen(inputs, depth).hidden for b in (backbone, exact))
    assert near.dtype == torch.float32
    assert 0 < (near - true).norm() / true.norm() < 0.05
    whole = backbone.frozen(inputs, depth, grad=True).hidden
    torch.testing.assert_close(whole, true, atol=1e-5, rtol=1e-4)


def test_strides_are_told_by_the_last_layer_of_each(tmp_path):
    assert dict(tiny_vision(tmp_path, "convnext").stage_ends) == {8: 3}
    assert dict(tiny_vision(tmp_path, "vit").stage_ends) == {8: 3}


def test_a_checkpoint_with_a_classifier_loads(tmp_path, pictures):
    from transformers import ViTConfig, ViTForImageClassification

    folder = tiny_vision_folder(tmp_path / "headed", "vit")
    headed = ViTForImageClassification(ViTConfig(**VISION_TINY["vit"], num_labels=4)).eval()
    headed.save_pretrained(folder)
    from journeyman.backbones.text_encoder import load_backbone

    spec = {"name": "headed", "licence": "", "source": "", "sha256": ""}
    backbone = load_backbone(folder, spec)
    inputs = backbone.prepare(pictures)
    with torch.no_grad():
        theirs = headed.vit(inputs.pixels()).last_hidden_state
    torch.testing.assert_close(through(backbone, inputs, 1).hidden, theirs, atol=1e-5, rtol=1e-4)


def test_rows_are_taken_apart_from_one_another(loaded, pictures):
    backbone = loaded("inverted-residual")
    inputs = backbone.prepare([Picture(pictures[0], "flip:1"), str(pictures[1]), pictures[2]])
    together = backbone.frozen(inputs, 2).hidden
    for row in range(3):
        alone = backbone.frozen(inputs.select([row]), 2).hidden
        torch.testing.assert_close(alone, together[row : row + 1], atol=1e-6, rtol=1e-5)


def test_weights_that_are_not_of_the_description_are_refused(tmp_path):
    folder = tiny_vision_folder(tmp_path / "odd")
    said = json.loads((folder / "config.json").read_text())
    spec = {"name": "odd", "licence": "", "source": "", "sha256": ""}
    from journeyman.backbones.text_encoder import load_backbone

    for change in ({"head": {"width": 21}}, {"stages": said["stages"][:1]}, {"stem": {}}):
        (folder / "config.json").write_text(json.dumps({**said, **change}))
        with pytest.raises(ModelError, match="describes"):
            load_backbone(folder, spec)
    (folder / "config.json").write_text(json.dumps({"model_type": "mystery"}))
    with pytest.raises(ModelError) as caught:
        load_backbone(folder, spec)
    assert "bert" in caught.value.expected
    assert "inverted-residual, " in caught.value.expected


def test_a_cut_that_is_not_there_is_refused(loaded, pictures):
    backbone = loaded("vit")
    with pytest.raises(JourneymanError, match="cannot be cut at 4"):
        backbone.frozen(backbone.prepare(pictures), 4)


def test_maps_for_boxes_leave_out_a_layer_that_is_there_for_a_classifier(tmp_path):
    backbone = tiny_vision(tmp_path, "mobilenet_v2", image_size=64)
    depth = backbone.spec.depth
    assert backbone.grid_at(depth) == backbone.grid_at(depth - 1)
    assert backbone.width_at(depth) > 2 * backbone.width_at(depth - 1)
    assert dict(backbone.stage_ends) == {8: 5, 16: 12, 32: depth - 1}


def test_pixels_may_be_wider_than_high(tmp_path):
    backbone = tiny_vision(tmp_path, "vit", image_size=[32, 48], resize="letterbox")
    assert backbone.grid_at(1) == (4, 6)
    assert dict(backbone.stage_ends) == {8: backbone.spec.depth}
    inputs = backbone.prepare(tiny_pictures(tmp_path / "pictures"))
    assert inputs.pixels().shape == (3, 3, 32, 48)
    features = backbone.mapping((1,)).frozen(inputs, 1, keep_hidden=False)
    assert features.maps[1].shape[2:] == (4, 6)
    assert json.loads(json.dumps(dict(backbone.options))) == backbone.options
