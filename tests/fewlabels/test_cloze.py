"""Texts read within a pattern, by the word that is hidden in it; and the head of its words."""

import json

import numpy as np
import pytest
import torch
from contract_samples import Sample, made_rows
from tiny import FAMILIES_TINY, SHARED_TINY, tiny_backbone, tiny_folder

import journeyman
from journeyman.backbones.base import Features
from journeyman.backbones.text_encoder import load_backbone, masked_mean
from journeyman.errors import JourneymanError, RecipeError
from journeyman.heads.base import HEADS, HeadShape
from journeyman.heads.words import WordsHead, WordsOptions
from journeyman.model import Model
from journeyman.recipe import load_recipe
from journeyman.training.cache.feature_cache import FeatureCache

AFTER, BEFORE = "{text} the story was [MASK] .", "the film was [MASK] : {text}"
FAMILIES = sorted({**FAMILIES_TINY, **SHARED_TINY})
LONG = " ".join(["the cat sat on the mat"] * 12)
MASK = 4


def with_words(folder, family="bert", scale=1.0):
    """A tiny folder with a head for words, its embeddings made longer; and the whole model."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    path = tiny_folder(folder / f"tiny-{family}", family)
    torch.manual_seed(5)
    model = AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(path)).eval()
    for parameter in model.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    model.get_input_embeddings().weight.data.mul_(scale)
    model.save_pretrained(path)
    return path, model


def loaded(path, pattern=AFTER, max_tokens=32):
    spec = {"name": path.name, "licence": "none", "source": "made", "sha256": "1" * 64}
    spec["reference"] = str(path)
    return load_backbone(path, spec, {"max_tokens": max_tokens, "pattern": pattern})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return with_words(tmp_path_factory.mktemp("words"), scale=20.0)[0]


@pytest.fixture(scope="module")
def sample(folder):
    return Sample("text-classification", loaded(folder), 36, 18)


@pytest.mark.parametrize("pattern", [AFTER, BEFORE, "[MASK] {text} [MASK]"])
def test_a_rows_vector_is_the_hidden_words(pattern, folder):
    backbone = loaded(folder, pattern)
    texts = ["the cat sat", "dog", LONG]
    inputs = backbone.prepare(texts)
    features = backbone.tuned(backbone.frozen(inputs, 1), 1)
    for at, ids in enumerate(inputs.ids):
        hidden = np.flatnonzero(ids == MASK)
        assert len(hidden) == pattern.count("[MASK]")
        assert len(ids) <= 32
        wanted = features.hidden[at, torch.from_numpy(hidden)].mean(0)
        torch.testing.assert_close(features.pooled[backbone.spec.depth][at], wanted)
    assert set(features.pooled) == {1, 2, 3}


def test_tokens_of_the_pattern_are_special_and_offsets_point_into_the_text(folder):
    inputs = loaded(folder, BEFORE).prepare(["good film"])
    own = inputs.segments[0] >= 0
    assert ["good film"[a:b] for a, b in inputs.offsets[0][own]] == ["good", "film"]
    assert not inputs.offsets[0][~own].any()
    assert own.sum() == 2


@pytest.mark.parametrize("pattern", [AFTER, BEFORE])
def test_a_long_text_is_cut_and_the_pattern_is_not(pattern, folder):
    backbone = loaded(folder, pattern)
    long, short = (backbone.prepare([text]) for text in (LONG, "dog"))
    assert len(long.ids[0]) == 32
    around = [ids[segments < 0].tolist() for ids, segments in (
        (long.ids[0], long.segments[0]), (short.ids[0], short.segments[0])
    )]  # fmt: skip
    assert around[0] == around[1]
    assert long.offsets[0].max() < len(LONG)


def test_a_mask_that_the_text_itself_writes_is_not_read(folder):
    backbone = loaded(folder, AFTER)
    inputs = backbone.prepare(["the [MASK] sat"])
    features = backbone.frozen(inputs, 3)
    assert (inputs.ids[0] == MASK).sum() == 2
    last = np.flatnonzero(inputs.ids[0] == MASK)[-1]
    torch.testing.assert_close(features.pooled[3][0], features.hidden[0, last])


def test_cached_features_of_a_pattern_are_its_own(folder, tmp_path):
    cache = FeatureCache(tmp_path)
    plain = load_backbone(folder, vars_of(loaded(folder)), {"max_tokens": 32})
    text = "the cat the story was [MASK] ."
    one = cache.features(plain, plain.prepare([text]), 3, keep_hidden=False).pooled()
    backbone = loaded(folder, AFTER)
    inputs = backbone.prepare(["the cat"])
    assert inputs.ids[0].tolist() == plain.prepare([text]).ids[0].tolist()
    other = cache.features(backbone, inputs, 3, keep_hidden=False).pooled()
    assert not torch.allclose(one[3], other[3], atol=1e-2)
    torch.testing.assert_close(other[3], backbone.frozen(inputs, 3).pooled[3], atol=2e-3, rtol=2e-3)


def vars_of(backbone):
    spec = backbone.spec
    names = ("name", "licence", "source", "sha256", "reference")
    return {name: getattr(spec, name) for name in names}


@pytest.mark.parametrize(("pattern", "found"), [
    ("It was [MASK].", "{text} 0 times"),
    ("{text} {text} [MASK]", "{text} 2 times"),
    ("{text} It was good.", "no [MASK]"),
    ("{text} " + "the " * 40 + "[MASK]", "43 tokens"),
])  # fmt: skip
def test_a_pattern_that_cannot_be_read_is_refused(pattern, found, folder):
    with pytest.raises(JourneymanError) as caught:
        loaded(folder, pattern)
    assert caught.value.place == "backbone.pattern"
    assert caught.value.found == found


def test_pairs_are_refused(folder):
    with pytest.raises(JourneymanError, match="not around a pair"):
        loaded(folder).prepare([("one", "two")])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_head_gives_the_librarys_own_scores_of_the_words(family, tmp_path):
    path, model = with_words(tmp_path, family)
    backbone = loaded(path)
    said = {"good": "good fine", "bad": "awful"}
    head = WordsHead(WordsOptions(words=said), HeadShape(16, (1, 2, 3), 2, "row"), 0)
    head.begin(backbone, ["bad", "good"])
    inputs = backbone.prepare(["the cat sat on the mat", "dog"])
    tensors = inputs.padded()
    with torch.no_grad():
        logits = model(
            input_ids=tensors["input_ids"], attention_mask=tensors["attention_mask"].long()
        ).logits
        got = head(backbone.tuned(backbone.frozen(inputs, 0), 0))
    hidden = (tensors["input_ids"] == MASK).long().argmax(1)
    spoken = logits[torch.arange(2), hidden]
    ids = [backbone.tokenizer.encode(word, add_special_tokens=False).ids for word in
           ("awful", "good fine")]  # fmt: skip
    wanted = torch.stack([spoken[:, each].mean(1) for each in ids], 1)
    torch.testing.assert_close(got, wanted, atol=1e-3, rtol=1e-3)


def test_training_learns_by_the_words_and_keeps_what_they_mean(sample, tmp_path):
    found = sample.finetune(
        tmp_path, tuner="full", cut=1, head="words", epochs=12, learning_rate=3e-3, batch_size=12,
        patience=0,
    )  # fmt: skip
    history = found.fitted.history
    assert history[-1]["loss"] < history[0]["loss"] - 0.2
    score = sample.task.score(found.outputs, sample.validation.targets, sample.schema, "accuracy")
    assert score > 0.6
    fresh = sample.learner(head="words", tuner="none").head
    assert torch.equal(found.learner.head.vectors, fresh.vectors)
    assert [name for name, _ in fresh.named_parameters()] == ["bias"]
    assert fresh.choices["words"] == ["bad", "good", "plain"]


def test_without_training_a_model_answers_by_its_words_alone(sample):
    learner = sample.learner(head="words", tuner="none")
    outputs = np.stack(learner.outputs(sample.train, learner.uncached(sample.train)))
    head, inputs = learner.head, sample.train.inputs
    features = learner.backbone.frozen(inputs, 3)
    assert outputs.shape == (36, 3)
    np.testing.assert_allclose(outputs, head(features).detach().numpy(), atol=2e-2)


def test_a_saved_model_answers_and_explains_as_it_did(sample, folder, tmp_path):
    trained = sample.finetune(tmp_path / "cache", tuner="lora", cut=1, head="words", epochs=1)
    about = {"data": "made", "rows": {}, "parent": None}
    model = Model(
        "cloze", trained.learner, sample.schema, sample.data, trained.calibration, about
    ).save(tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert manifest["backbone"]["options"] == {"max_tokens": 32, "pattern": AFTER}
    again = Model.load(tmp_path / "model", loaded(folder))
    asked = ["a good film", LONG]
    assert again.predict(asked) == model.predict(asked)
    (why,) = again.explain("a good film")
    assert [part.text for part in why.tokens] == ["a", "good", "film"]
    again.save(tmp_path / "copy")
    for name in ("head.safetensors", "calibration.json"):
        one, other = (tmp_path / where / name for where in ("model", "copy"))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("head", ["ridge", "prototype", "linear"])
def test_other_heads_read_the_hidden_words_vector(head, sample, tmp_path):
    said = {"name": head, "layers": [3]}
    found = sample.finetune(tmp_path, tuner="none", head=said, epochs=1)
    inputs = sample.validation.inputs
    whole = sample.backbone.frozen(inputs, 3)
    places = torch.tensor([np.flatnonzero(ids == MASK)[0] for ids in inputs.ids])
    vectors = whole.hidden[torch.arange(len(places)), places]
    cached = Features(mask=whole.mask, pooled={3: vectors}).rounded()
    wanted = found.learner.head(cached).detach().numpy()
    source = found.learner.uncached(sample.validation)
    outputs = np.stack(found.learner.outputs(sample.validation, source))
    np.testing.assert_allclose(outputs, wanted, atol=5e-2, rtol=1e-3)
    means = Features(mask=whole.mask, pooled={3: masked_mean(whole.hidden, whole.mask)})
    assert not np.allclose(outputs, found.learner.head(means).detach().numpy(), rtol=1e-3)


def test_what_the_head_of_words_cannot_stand_on_is_refused(sample, tmp_path):
    assert "hidden" in HEADS["words"].permits(tiny_backbone(tmp_path))
    assert HEADS["words"].permits(sample.backbone) is None
    path = tiny_folder(tmp_path / "headless")
    with pytest.raises(JourneymanError, match="no pretrained head"):
        Sample("text-classification", loaded(path), 6, 3).learner(head="words")


def test_a_head_that_starts_from_the_backbone_is_trained_by_one_process(sample, tmp_path):
    with pytest.raises(JourneymanError) as caught:
        sample.finetune(tmp_path, tuner="full", cut=2, head="words", epochs=1, processes=2)
    assert caught.value.place == "finetune.processes"
    assert "the head words" in caught.value.expected


@pytest.mark.parametrize(("words", "problem"), [
    ({"nobody": "good"}, "label that no row has"),
    ({"bad": "good"}, "does not tell labels apart"),
    ({"bad": "unheard", "good": "unknown"}, "does not tell labels apart"),
])  # fmt: skip
def test_words_that_do_not_tell_labels_apart_are_refused(words, problem, sample):
    with pytest.raises(JourneymanError, match=problem) as caught:
        sample.learner(head={"name": "words", "words": words})
    assert caught.value.place == "finetune.head.words"


def recipe(folder, ground, **more):
    lines = [f"{row['text']},{row['label']}" for row in made_rows(120)]
    (ground / "rows.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    return {
        "name": "cloze", "task": "text-classification",
        "backbone": {"name": str(folder), "pattern": BEFORE, "max_tokens": 32},
        "data": {"train": str(ground / "rows.csv"), "text": "text", "label": "label"},
        "finetune": {"tuner": "lora", "cut": 1, "epochs": 1, "head": "words"},
        "explain": {"samples": 1}, "trackers": [], "threads": 1, "output": str(ground / "run"),
        **more,
    }  # fmt: skip


def test_a_recipe_runs_and_its_model_is_found_again(folder, tmp_path):
    model = journeyman.finetune(recipe(folder, tmp_path))
    assert model.learner.head.name == "words"
    assert model.learner.backbone.options["pattern"] == BEFORE
    asked = ["a good film", "an awful plot"]
    assert journeyman.load(tmp_path / "run").predict(asked) == model.predict(asked)


@pytest.mark.parametrize(("changes", "place"), [
    ({"backbone": "minilm-l6"}, "finetune.head"),
    ({"backbone": {"name": "minilm-l6", "pattern": "It was [MASK]."}}, "backbone.pattern"),
    ({"data": {"train": "rows.csv", "text": ["a", "b"], "label": "label"}}, "backbone.pattern"),
    ({"pretrain": {"method": "mlm"}}, "backbone.pattern"),
])  # fmt: skip
def test_mistakes_are_told_before_any_work(changes, place, folder, tmp_path):
    with pytest.raises(RecipeError) as caught:
        load_recipe({**recipe(folder, tmp_path), **changes})
    assert any(place in one.place for one in caught.value.mistakes), str(caught.value)
