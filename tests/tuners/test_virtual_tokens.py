"""Learned tokens: features are of a row's own tokens, whatever stands before or beside it."""

import inspect

import pytest
import torch
from tiny import FAMILIES_TINY, SHARED_TINY, tiny_backbone, tiny_folder
from transformers import AutoConfig, AutoModel, DynamicCache

from journeyman.backbones.text_encoder import MODEL_TYPES, load_backbone, masked_mean
from journeyman.data.options import DataOptions
from journeyman.errors import JourneymanError
from journeyman.explainers.base import EXPLAINERS
from journeyman.tasks.base import TASKS
from journeyman.training.assembly import make_learner
from journeyman.training.options import FinetuneOptions
from journeyman.tuners.base import TUNERS
from journeyman.tuners.prefix import PAST

TEXTS = ["the cat sat", "a much longer text about the cat and the mat and the dog", "dog"]
NAMES = ("prefix", "prompt")
WITH_PAST = {"bert", "camembert", "electra", "ernie", "roberta", "xlm-roberta"}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("virtual"))


def attached(name, backbone, **options):
    tuner = TUNERS[name](TUNERS[name].Options(**options), 0)
    return tuner, tuner.attach(backbone, 0)


def features_of(twin, texts):
    with torch.no_grad():
        return twin.tuned(twin.frozen(twin.prepare(texts), 0), 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tokens", [1, 7])
def test_features_have_the_rows_own_tokens_only(name, tokens, backbone):
    _, twin = attached(name, backbone, tokens=tokens)
    inputs = backbone.prepare(TEXTS)
    features = features_of(twin, TEXTS)
    longest = int(inputs.lengths.max())
    assert features.hidden.shape == (len(TEXTS), longest, backbone.spec.width)
    assert torch.equal(features.mask, inputs.mask())
    assert sorted(features.pooled) == [1, 2, 3]
    mean = masked_mean(features.hidden, features.mask)
    torch.testing.assert_close(features.pooled[3], mean)


@pytest.mark.parametrize("name", NAMES)
def test_a_text_has_the_same_features_alone_and_beside_longer_ones(name, backbone):
    _, twin = attached(name, backbone)
    together = features_of(twin, TEXTS)
    for at, text in enumerate(TEXTS):
        alone = features_of(twin, [text])
        own = together.hidden[at][together.mask[at]]
        torch.testing.assert_close(alone.hidden[0], own, atol=1e-5, rtol=1e-4)
        for layer, pooled in together.pooled.items():
            torch.testing.assert_close(alone.pooled[layer][0], pooled[at], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_learned_tokens_are_attended_to(name, backbone):
    tuner, twin = attached(name, backbone)
    before = features_of(twin, TEXTS).hidden
    (learned,) = tuner.parameters().values()
    learned.data.add_(torch.linspace(-1, 1, learned.numel()).reshape(learned.shape))
    assert not torch.allclose(features_of(twin, TEXTS).hidden, before, atol=1e-3)


def test_a_prefix_starts_as_the_keys_and_values_of_words(backbone):
    """So a prefix of the words before a text is those words, but that they see no text."""
    _, twin = attached("prefix", backbone, tokens=3, start="the cat sat")
    words = torch.tensor([backbone.tokenizer.encode("the cat sat", add_special_tokens=False).ids])
    text = torch.tensor([backbone.tokenizer.encode("dog", add_special_tokens=True).ids])
    cache = DynamicCache()
    with torch.no_grad():
        backbone.module(input_ids=words, past_key_values=cache)
        wanted = backbone.module(
            input_ids=text,
            past_key_values=cache,
            attention_mask=torch.ones(1, words.shape[1] + text.shape[1], dtype=torch.long),
        ).last_hidden_state
    torch.testing.assert_close(features_of(twin, ["dog"]).hidden, wanted)


def test_a_prompt_starts_as_the_words_it_is_told(backbone):
    tuner, _ = attached("prompt", backbone, tokens=5, start="the cat")
    (learned,) = tuner.parameters().values()
    ids = backbone.tokenizer.encode("the cat the cat the", add_special_tokens=False).ids
    wanted = backbone.module.embeddings.word_embeddings.weight[torch.tensor(ids)]
    assert torch.equal(learned, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_a_start_without_words_is_told(name, backbone):
    with pytest.raises(JourneymanError) as caught:
        attached(name, backbone, start="  ")
    assert caught.value.place == "finetune.tuner.start"


@pytest.mark.parametrize("name", NAMES)
def test_texts_must_leave_places_for_the_learned_tokens(name, tmp_path):
    spec = {"name": "tiny", "licence": "none", "source": "made", "sha256": "0" * 64}
    folder = tiny_folder(tmp_path / "tiny")
    tuner = TUNERS[name](TUNERS[name].Options(tokens=20), 0)
    assert tuner.permits(load_backbone(folder, spec, {"max_tokens": 44}), 0) is None
    reason = tuner.permits(load_backbone(folder, spec, {"max_tokens": 45}), 0)
    assert "44" in reason
    assert "max_tokens" in reason
    assert "cut is 0" in tuner.permits(load_backbone(folder, spec, {"max_tokens": 44}), 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_longest_text_and_the_learned_tokens_fit(name, tmp_path):
    for family in ("bert", "roberta"):
        backbone = tiny_backbone(tmp_path, family, max_tokens=43)
        tuner, twin = attached(name, backbone, tokens=20)
        assert tuner.permits(backbone, 0) is None
        hidden = features_of(twin, ["the cat sat on the mat " * 20]).hidden
        assert hidden.shape[1] == 43
        assert bool(torch.isfinite(hidden).all())


@pytest.mark.parametrize("family", sorted(FAMILIES_TINY | SHARED_TINY))
def test_each_family_is_permitted_as_it_can_be_tuned(family, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    for name in NAMES:
        reason = TUNERS[name](TUNERS[name].Options(), 0).permits(backbone, 0)
        if name == "prefix" and family not in WITH_PAST:
            assert "past keys" in reason
        else:
            assert reason is None, reason


@pytest.mark.parametrize("family", sorted(MODEL_TYPES))
def test_the_families_with_past_keys_are_those_that_are_named(family):
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 9}
    if family == "distilbert":
        sizes = {"dim": 8, "n_layers": 1, "n_heads": 1, "vocab_size": 9}
    config = AutoConfig.for_model(family, **sizes, pad_token_id=0)
    with torch.device("meta"):
        forward = type(AutoModel.from_config(config)).forward
    assert (PAST in inspect.signature(forward).parameters) == (family in WITH_PAST)


@pytest.mark.parametrize("method", list(EXPLAINERS))
@pytest.mark.parametrize("name", NAMES)
def test_explanations_weigh_the_words_of_the_text_alone(name, method, backbone):
    task, data = TASKS["text-classification"](), DataOptions(train="rows.csv", text="t", label="l")
    schema = task.schema([task.target({"t": "", "l": label}, data) for label in ("bad", "good")])
    options = FinetuneOptions.model_validate({"tuner": name, "head": "linear"})
    learner = make_learner(task, backbone, schema, options, seed=0)
    learner.train(False)
    explainer = EXPLAINERS[method]()
    for text, found in zip(
        TEXTS,
        explainer.explain(learner, schema, TEXTS, [str(at) for at in range(len(TEXTS))], {}),
        strict=True,
    ):
        assert [token.text for token in found.tokens] == text.split()
        weights = [token.weight for token in found.tokens]
        assert max(map(abs, weights)) > 0
        if method == "integrated-gradients":
            assert found.gap <= max(0.05 * sum(map(abs, weights)), 1e-4)
