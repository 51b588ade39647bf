"""The frozen layers in bfloat16: near to float32, cached apart, kept by the model."""

import pytest
import torch
from contract_samples import Sample
from tiny import FAMILIES_TINY, tiny_backbone, tiny_folder

from journeyman.backbones.precision import in_bfloat16, wants_bfloat16
from journeyman.backbones.shells import shares_layers
from journeyman.backbones.text_encoder import FLOAT32_ALONE, load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.errors import JourneymanError
from journeyman.explainers.base import EXPLAINERS
from journeyman.explainers.options import ExplainOptions
from journeyman.model import Model
from journeyman.training.cache.feature_cache import FeatureCache

TEXTS = ["the cat sat", "a much longer text about the cat and the mat and the dog", "dog"]
SPEC = {"name": "tiny", "licence": "none", "source": "made", "sha256": "0" * 64}


@pytest.fixture
def folder(tmp_path):
    return tiny_folder(tmp_path / "tiny")


def loaded(folder, precision):
    return load_backbone(folder, SPEC, {"max_tokens": 32, "precision": precision})


def test_features_are_near_those_of_float32_and_no_less_exact_in_kind(folder):
    plain, half = loaded(folder, "float32"), loaded(folder, "bfloat16")
    rows = plain.prepare(TEXTS)
    want, found = plain.frozen(rows, 3), half.frozen(rows, 3)
    assert found.hidden.dtype == found.pooled[3].dtype == torch.float32
    assert not torch.equal(found.hidden, want.hidden)
    for layer, vectors in want.pooled.items():
        error = (found.pooled[layer] - vectors).norm(dim=1) / vectors.norm(dim=1)
        assert float(error.max()) < 0.05


def test_gradients_and_layers_above_the_cut_stay_in_float32(folder):
    plain, half = loaded(folder, "float32"), loaded(folder, "bfloat16")
    rows = plain.prepare(TEXTS)
    assert torch.equal(
        half.frozen(rows, 2, grad=True).hidden, plain.frozen(rows, 2, grad=True).hidden
    )
    features = plain.frozen(rows, 1)
    assert torch.equal(half.tuned(features, 1).hidden, plain.tuned(features, 1).hidden)


def test_a_clone_computes_as_its_model_does(folder):
    half = loaded(folder, "bfloat16")
    rows = half.prepare(TEXTS)
    assert torch.equal(half.clone(2).frozen(rows, 2).hidden, half.frozen(rows, 2).hidden)


def test_features_are_cached_apart(folder, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    for precision, computed in (("float32", 3), ("bfloat16", 6), ("bfloat16", 6), ("float32", 6)):
        backbone = loaded(folder, precision)
        cache.features(backbone, backbone.prepare(TEXTS), 3, keep_hidden=False)
        assert cache.stats.rows_computed == computed


def test_auto_is_what_the_processor_does_fast(folder):
    assert (loaded(folder, "auto").manner != "") is wants_bfloat16("auto")


def test_a_model_takes_its_precision_along(folder, tmp_path):
    found = resolve(str(folder))
    spec = {"name": found.name, "licence": found.licence, "source": found.source}
    spec |= {"sha256": found.sha256, "reference": str(folder)}
    backbone = load_backbone(folder, spec, {"max_tokens": 32, "precision": "bfloat16"})
    sample = Sample("text-classification", backbone, train=24, validation=6)
    got = sample.finetune(tmp_path / "features", head="ridge", tuner="none")
    about = {"data": "made", "rows": {"train": 24}, "parent": None}
    made = Model("made", got.learner, sample.schema, sample.data, got.calibration, about)
    made.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert again.learner.backbone.options["precision"] == "bfloat16"
    assert again.predict(TEXTS) == made.predict(TEXTS)


@pytest.mark.parametrize("method", EXPLAINERS.names())
def test_it_explains_what_float32_does(folder, tmp_path, method):
    """The hook on the embeddings is met, and both ends are those that gradients lead between."""
    explainer, found = EXPLAINERS[method](ExplainOptions(method=method)), []
    sample = Sample("text-classification", loaded(folder, "float32"), train=24, validation=6)
    got = sample.finetune(tmp_path / "features", head="linear", tuner="none", epochs=1)
    for precision in ("float32", "bfloat16"):
        learner = sample.learner(head="linear", tuner="none")
        learner.backbone.precision = precision
        learner.head.load_state_dict(got.learner.head.state_dict())
        asked = learner, sample.schema, [TEXTS[1]], ["x"], got.calibration, ["good"]
        found.append(explainer.explain(*asked)[0])
    assert found[0].tokens == found[1].tokens
    assert found[0].gap == found[1].gap


def test_a_backbone_without_a_word_of_it_says_none(tmp_path):
    assert "precision" not in tiny_backbone(tmp_path).options


ABLE = sorted(FAMILIES_TINY.keys() - FLOAT32_ALONE)


@pytest.mark.parametrize("family", ABLE)
def test_weights_held_in_bfloat16_change_no_bit(tmp_path, family):
    half = loaded(tiny_folder(tmp_path / family, family), "bfloat16")
    rows, cut = half.prepare(TEXTS), half.permitted_cuts()[-1]
    lower, _ = half._halves(cut)
    with torch.no_grad(), in_bfloat16("cpu", True):
        want = half._run(lower, half._placed(rows), first_layer=0).floats()
    found = half.frozen(rows, cut)
    assert torch.equal(found.hidden, want.hidden)
    for layer, vectors in want.pooled.items():
        assert torch.equal(found.pooled[layer], vectors)


def tuned_with(network, place, precision):
    sample = Sample("text-classification", network, train=24, validation=6)
    return sample.finetune(place, tuner="full", cut=1, head="linear", epochs=1, precision=precision)


@pytest.mark.parametrize("family", ABLE)
def test_every_family_is_tuned_in_bfloat16(tmp_path, family):
    if shares_layers(tiny_backbone(tmp_path, family).module):
        pytest.skip("layers that are shared cannot be cut")
    assert tuned_with(tiny_backbone(tmp_path / "more", family), tmp_path / "cache", "bfloat16")


def test_a_family_that_cannot_computes_in_float32_unless_it_is_asked(tmp_path):
    network = tiny_backbone(tmp_path, "deberta")
    assert not network.in_half("auto")
    assert tuned_with(network, tmp_path / "cache", "auto").fitted
    with pytest.raises(JourneymanError, match="cannot compute in bfloat16"):
        tuned_with(network, tmp_path / "cache", "bfloat16")
    asked = loaded(tiny_folder(tmp_path / "again", "deberta"), "bfloat16")
    with pytest.raises(JourneymanError, match="cannot compute in bfloat16"):
        asked.frozen(asked.prepare(TEXTS), 2)
    open_to_both = loaded(tmp_path / "again", "auto")
    plain = loaded(tmp_path / "again", "float32")
    rows = plain.prepare(TEXTS)
    assert torch.equal(open_to_both.frozen(rows, 2).hidden, plain.frozen(rows, 2).hidden)


def test_a_twin_shares_what_is_no_linear_layer(folder):
    half = loaded(folder, "bfloat16")
    half.frozen(half.prepare(TEXTS), 3)
    lower, _ = half._halves(3)
    held = {id(each) for each in half._held[3][1].parameters()}
    shared = {n for n, each in lower.named_parameters() if id(each) in held}
    assert "embeddings.word_embeddings.weight" in shared
    weights = {n for n in shared if "attention" in n and n.endswith("weight")}
    assert weights
    assert all("LayerNorm" in n for n in weights)


def test_weights_that_change_are_held_anew(folder):
    half = loaded(folder, "bfloat16")
    rows = half.prepare(TEXTS)
    before = half.frozen(rows, 3).hidden
    with torch.no_grad():
        half.layer_parameters(1)["encoder.layer.1.output.dense.weight"].mul_(1.5)
    assert not torch.equal(half.frozen(rows, 3).hidden, before)
    assert len(half._held) == 1
