"""Pretraining by each method: it learns, keeps to its layers, and goes on after a stop."""

import pytest
import torch
from pretraining_samples import corpus, trained
from stopper import Stop, Stopper
from tiny import tiny_backbone, tiny_folder

from journeyman.errors import JourneymanError
from journeyman.pretraining.methods.base import METHODS
from journeyman.pretraining.pretrain import downstream
from journeyman.training.cache.feature_cache import FeatureCache

FAST = {"learning_rate": 3e-3, "head_learning_rate": 1e-2, "batch_size": 16}


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretraining")
    return tiny_backbone(folder), folder / "tiny-bert", folder / "cache"


def weights(backbone):
    return {n: p.detach().clone() for n, p in backbone.module.named_parameters()}


@pytest.mark.parametrize("cut", [0, 1, 2])
@pytest.mark.parametrize("name", list(METHODS))
def test_a_method_learns_what_is_there_and_changes_only_layers_above_the_cut(name, cut, ground):
    backbone, folder, cache = ground
    before = weights(backbone)
    made = trained(backbone, folder, cache, method=name, cut=cut, epochs=6, **FAST)
    history = made.fitted.history
    assert len(history) == 6
    assert history[-1]["loss"] < history[0]["loss"]
    assert made.fitted.best_score > history[0]["log_likelihood"]
    assert all(torch.equal(value, before[n]) for n, value in weights(backbone).items())
    after, own = weights(made.backbone), set(backbone.layer_parameters(cut))
    moved = {n for n in before if not torch.equal(before[n], after[n])}
    assert moved
    assert moved <= own
    assert ("embeddings.word_embeddings.weight" in moved) == (cut == 0)


def test_hidden_words_are_foretold_from_the_others(ground):
    """Of sentences made of two patterns, likelihood rises far above chance among all words."""
    backbone, folder, cache = ground
    made = trained(backbone, folder, cache, cut=0, epochs=25, **FAST)
    assert made.fitted.history[0]["log_likelihood"] < -2.5
    assert made.fitted.best_score > -1.2


def test_views_of_one_text_become_likelier_than_views_of_others(ground):
    backbone, folder, cache = ground
    rows = corpus(60, 12)
    apart = [f"{text} {word}" for text, word in zip(rows.texts, WORDS * 9, strict=False)]
    rows = type(rows)(apart, apart[:12])
    made = trained(backbone, folder, cache, rows=rows, method="contrast", cut=0, epochs=8, **FAST)
    assert made.fitted.best_score > made.fitted.history[0]["log_likelihood"] + 0.2


WORDS = "story film plot actor mat text terrible lovely awful".split()


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("name", list(METHODS))
def test_a_stopped_run_goes_on_to_the_same_bytes(name, epoch, ground, tmp_path):
    backbone, folder, cache = ground
    said = {"method": name, "cut": 1, "epochs": 3, **FAST}
    wanted = trained(backbone, folder, cache, **said)
    path = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        trained(backbone, folder, cache, path, Stopper(epoch), **said)
    torch.manual_seed(5)
    tracker = Stopper(0)
    got = trained(backbone, folder, cache, path, tracker, **said)
    assert tracker.seen[0] == epoch
    assert got.fitted == wanted.fitted
    mine, theirs = weights(got.backbone), weights(wanted.backbone)
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_the_seed_decides(ground):
    backbone, folder, cache = ground
    said = {"epochs": 1, "cut": 1, **FAST}
    first, second = (weights(trained(backbone, folder, cache, **said).backbone) for _ in range(2))
    other = weights(trained(backbone, folder, cache, seed=1, **said).backbone)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_contrast_runs_each_frozen_text_once(ground, tmp_path):
    backbone, folder, _ = ground
    rows = corpus(40, 8)
    distinct = len(set(rows.texts) | set(rows.held))
    cache = FeatureCache(tmp_path)
    trained(backbone, folder, tmp_path, rows=rows, method="contrast", cut=1, epochs=3)
    assert cache.index.total_bytes() > 0
    found = cache.features(backbone, backbone.prepare(list(rows.texts)), 1, keep_hidden=True)
    assert len(found) == 40
    assert cache.stats.rows_computed == 0
    assert distinct <= 48


def test_a_cut_at_the_top_is_refused(ground):
    backbone, folder, cache = ground
    with pytest.raises(JourneymanError) as caught:
        trained(backbone, folder, cache, cut=3)
    assert caught.value.place == "pretrain.cut"
    assert all((caught.value.expected, caught.value.found, caught.value.remedy))


def test_training_that_diverges_is_told_where_it_was_set(ground):
    backbone, folder, cache = ground
    with pytest.raises(JourneymanError) as caught:
        trained(backbone, folder, cache, cut=1, epochs=3, learning_rate=1e30)
    assert caught.value.place == "pretrain.learning_rate"


def test_a_tokenizer_without_a_mask_is_told(tmp_path):
    import json

    path = tiny_folder(tmp_path / "tiny-bert")
    tokenizer = json.loads((path / "tokenizer.json").read_text())
    tokenizer["added_tokens"] = [t for t in tokenizer["added_tokens"] if t["content"] != "[MASK]"]
    tokenizer["model"]["vocab"].pop("[MASK]")
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = json.loads((path / "tokenizer_config.json").read_text())
    settings.pop("mask_token")
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    from journeyman.backbones.text_encoder import load_backbone

    spec = {"name": "tiny", "licence": "", "source": "", "sha256": ""}
    backbone = load_backbone(path, spec)
    with pytest.raises(JourneymanError, match="mask token"):
        trained(backbone, path, tmp_path / "cache")


@pytest.mark.parametrize("task", ["text-classification", "text-regression", "token-classification"])
def test_what_it_is_worth_is_a_score_of_ridge_where_the_task_has_one(task, ground):
    from contract_samples import Sample

    backbone, _, cache = ground
    sample = Sample(task, backbone)
    score = downstream(
        sample.task,
        backbone,
        sample.schema,
        sample.train,
        sample.validation,
        seed=0,
        metric=sample.task.primary_metric,
        cache=FeatureCache(cache),
    )
    assert (score is None) == ("ridge" not in sample.task.heads())
    assert score is None or 0.3 < score <= 1


def test_many_rows_are_sampled_to_measure_a_backbone(ground, tmp_path, monkeypatch):
    from contract_samples import Sample

    from journeyman.pretraining import pretrain

    monkeypatch.setattr(pretrain, "MEASURED_ROWS", 20)
    backbone, _, _ = ground
    sample = Sample("text-classification", backbone)
    assert min(len(sample.train), len(sample.validation)) > 20
    seen = []
    source = pretrain.feature_source

    def watched(learner, rows, *more):
        seen.append(rows)
        return source(learner, rows, *more)

    monkeypatch.setattr(pretrain, "feature_source", watched)
    said = sample.task, backbone, sample.schema, sample.train, sample.validation
    more = {"seed": 3, "metric": "accuracy", "cache": FeatureCache(tmp_path)}
    scores = {downstream(*said, **more) for _ in range(2)}
    assert len(scores) == 1
    assert [len(rows) for rows in seen] == [20, 20, 20, 20]
    assert len(set(seen[0].texts)) > 1
