"""The head that foretells words is the library's own, of every family."""

import pytest
import torch
from tiny import FAMILIES_TINY, SHARED_TINY, tiny_backbone, tiny_folder

from journeyman.backbones.word_head import word_head
from journeyman.tuners.base import TUNERS

FAMILIES = sorted({**FAMILIES_TINY, **SHARED_TINY})
TEXTS = ["the cat sat on the mat", "dog"]


def with_head(folder, family, tied=True):
    """The tiny folder of a family, saved with a head for words."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    path = tiny_folder(folder / f"tiny-{family}", family)
    config = AutoConfig.from_pretrained(path, tie_word_embeddings=tied)
    torch.manual_seed(5)
    model = AutoModelForMaskedLM.from_config(config).eval()
    for parameter in model.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(path)
    return path, model


def loaded(path):
    from journeyman.backbones.text_encoder import load_backbone

    spec = {"name": path.name, "licence": "none", "source": "made", "sha256": "0" * 64}
    return load_backbone(path, spec, {"max_tokens": 32})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoints_own_head_gives_its_own_logits(family, tmp_path):
    path, model = with_head(tmp_path, family)
    backbone = loaded(path)
    head = word_head(backbone, path, seed=0).eval()
    assert head.learned
    inputs = backbone.prepare(TEXTS)
    tensors = inputs.padded()
    with torch.no_grad():
        wanted = model(
            input_ids=tensors["input_ids"], attention_mask=tensors["attention_mask"].long()
        ).logits
        features = backbone.tuned(backbone.frozen(inputs, 0), 0)
        got = head(features.hidden[features.mask])
    torch.testing.assert_close(got, wanted[features.mask], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_new_head_is_tied_to_the_word_embeddings(family, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    folder = tmp_path / f"tiny-{family}"
    full = TUNERS["full"]
    twin = full(full.Options(), 0).attach(backbone, 0)
    head = word_head(twin, folder, seed=0)
    assert not head.learned
    words = twin.module.get_input_embeddings().weight
    assert all(parameter is not words for parameter in head.own().values())
    hidden = torch.randn(3, backbone.spec.width)
    head(hidden).square().sum().backward()
    assert words.grad is not None
    assert float(words.grad.abs().sum()) > 0
    again = word_head(twin, folder, seed=0)
    assert torch.equal(head.eval()(hidden), again.eval()(hidden))


def test_a_head_with_words_of_its_own_keeps_them(tmp_path):
    path, model = with_head(tmp_path, "bert", tied=False)
    head = word_head(loaded(path), path, seed=0)
    own = head.own()
    (name,) = [name for name in own if name.endswith("decoder.weight")]
    assert torch.equal(own[name], model.cls.predictions.decoder.weight)
