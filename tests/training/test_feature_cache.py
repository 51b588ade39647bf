"""The feature cache: what it gives back is what the frozen layers give, computed once."""

import os
import sqlite3
from collections import Counter

import numpy as np
import pytest
import torch
from cache_process import CUT, texts
from tiny import FAMILIES_TINY, tiny_backbone

from journeyman.backbones.base import HALF_LIMIT, HALF_TOLERANCE
from journeyman.errors import ResourceError
from journeyman.training.cache import feature_cache as module
from journeyman.training.cache.feature_cache import FeatureCache, expected_bytes

TEXTS = texts(40, seed=0)
SMALLEST = 2.0**-25
"""Half a step of half precision's smallest numbers."""


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return tiny_backbone(tmp_path_factory.mktemp("cached"))


@pytest.fixture
def cache(tmp_path):
    opened = FeatureCache(tmp_path / "features")
    yield opened
    opened.close()


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(module, "SHARD_BYTES", 4000)
    monkeypatch.setattr(module, "BATCH_TOKENS", 200)


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".tmp"))


def shard_files(folder):
    return sorted(folder.glob("*.npy"))


def assert_close(cached, direct):
    """Within the rounding of half precision, and of batches of another width."""
    bound = direct.abs() * HALF_TOLERANCE + SMALLEST + 1e-6
    assert bool(((cached - direct).abs() <= bound).all())


def assert_right(found, backbone, inputs, cut=CUT, hidden=True):
    direct = backbone.frozen(inputs, cut)
    got = found.gather(range(len(inputs)))
    assert torch.equal(got.mask, direct.mask)
    real = direct.mask.unsqueeze(-1)
    if hidden:
        assert_close(got.hidden * real, direct.hidden * real)
    assert sorted(got.pooled) == sorted(direct.pooled)
    for layer, vectors in direct.pooled.items():
        assert_close(got.pooled[layer], vectors)
        assert torch.equal(found.pooled()[layer], got.pooled[layer])


@pytest.mark.parametrize("family", sorted(FAMILIES_TINY))
def test_a_cached_forward_equals_a_direct_one(family, tmp_path):
    backbone = tiny_backbone(tmp_path, family)
    cache = FeatureCache(tmp_path / "features")
    inputs = backbone.prepare(TEXTS)
    for cut in range(1, backbone.spec.depth + 1):
        found = cache.features(backbone, inputs, cut, keep_hidden=True)
        assert_right(found, backbone, inputs, cut)
        above = backbone.tuned(found.gather(range(len(inputs))), cut)
        whole = backbone.tuned(backbone.frozen(inputs, cut), cut)
        real = whole.mask.unsqueeze(-1)
        torch.testing.assert_close(above.hidden * real, whole.hidden * real, atol=5e-3, rtol=5e-3)
    cache.close()


def test_distinct_rows_are_computed_once_and_only_once(backbone, cache, monkeypatch):
    asked = Counter()
    real = backbone.frozen

    def frozen(inputs, cut, **options):
        asked.update(inputs.keys)
        return real(inputs, cut, **options)

    monkeypatch.setattr(backbone, "frozen", frozen)
    inputs = backbone.prepare([*TEXTS, *TEXTS, "the cat", "the cat"])
    found = cache.features(backbone, inputs, CUT, keep_hidden=True)
    assert set(asked.values()) == {1}
    assert set(asked) == set(inputs.keys)
    assert cache.stats.rows_asked == len(inputs)
    assert cache.stats.rows_computed == len(set(inputs.keys))
    first = found.gather(range(len(inputs)))
    again = cache.features(backbone, inputs, CUT, keep_hidden=True).gather(range(len(inputs)))
    assert cache.stats.rows_computed == len(set(inputs.keys))
    assert cache.stats.rows_found == len(inputs)
    assert cache.stats.seconds_saved > 0
    assert torch.equal(first.hidden, again.hidden)
    more = backbone.prepare([*TEXTS, "anna sat in london"])
    cache.features(backbone, more, CUT, keep_hidden=True)
    assert cache.stats.rows_computed == len(set(inputs.keys)) + 1


def test_another_process_finds_what_was_kept(backbone, cache):
    inputs = backbone.prepare(TEXTS)
    first = cache.features(backbone, inputs, CUT, keep_hidden=True)
    second = FeatureCache(cache.folder)
    found = second.features(backbone, inputs, CUT, keep_hidden=True)
    assert second.stats.rows_computed == 0
    assert torch.equal(found.gather([3, 1]).hidden, first.gather([3, 1]).hidden)
    second.close()


def test_another_cut_or_backbone_is_another_matter(cache, tmp_path):
    from dataclasses import replace

    backbone = tiny_backbone(tmp_path)
    inputs = backbone.prepare(TEXTS)
    cache.features(backbone, inputs, 1, keep_hidden=True)
    cache.features(backbone, inputs, 2, keep_hidden=True)
    assert cache.stats.rows_found == 0
    backbone.spec = replace(backbone.spec, sha256="1" * 64)
    cache.features(backbone, inputs, 2, keep_hidden=True)
    assert cache.stats.rows_found == 0


def test_values_beyond_half_precision_are_kept_in_full(cache, tmp_path):
    backbone = tiny_backbone(tmp_path)
    with torch.no_grad():
        for layer in backbone.module.encoder.layer:
            layer.output.LayerNorm.weight.fill_(9e4)
    inputs = backbone.prepare(TEXTS[:10])
    direct = backbone.frozen(inputs, 1)
    assert float(direct.hidden.abs().max()) > HALF_LIMIT
    found = cache.features(backbone, inputs, 1, keep_hidden=True).gather(range(10))
    real = direct.mask.unsqueeze(-1)
    torch.testing.assert_close(found.hidden * real, direct.hidden * real, rtol=1e-5, atol=1e-2)
    kinds = {np.load(path, mmap_mode="r").dtype for path in shard_files(cache.folder)}
    assert np.dtype(np.float32) in kinds


def test_one_large_row_leaves_the_others_as_they_are(tmp_path, cache):
    """Rows made on the spot are rounded one by one, as the cache rounds them."""
    from journeyman.training.examples import Uncached

    backbone = tiny_backbone(tmp_path)
    word = backbone.tokenizer.token_to_id("terrible")
    scale = 3e5
    with torch.no_grad():
        backbone.module.encoder.layer[0].output.LayerNorm.bias.fill_(0.0)
    real = backbone.frozen

    def frozen(inputs, cut, **options):
        features = real(inputs, cut, **options)
        for row, ids in enumerate(inputs.ids):
            if word in ids:
                features.hidden[row] *= scale
                for vectors in features.pooled.values():
                    vectors[row] *= scale
        return features

    backbone.frozen = frozen
    rows = ["the cat sat", "a terrible film was the plot", "good dog"]
    inputs = backbone.prepare(rows)
    cached = cache.features(backbone, inputs, 1, keep_hidden=True).gather(range(3))
    spot = Uncached(backbone, inputs, 1).gather(range(3))
    mask = spot.mask.unsqueeze(-1)
    assert float(spot.hidden.abs().max()) > HALF_LIMIT
    for at in (0, 2):
        assert torch.equal(spot.pooled[1][at], spot.pooled[1][at].half().float())
        own = (spot.hidden * mask)[at]
        assert torch.equal(own, own.half().float())
    torch.testing.assert_close(cached.hidden, spot.hidden * mask, rtol=1e-3, atol=1e-5)


def test_pooled_vectors_are_served_from_shards_with_hidden_states(backbone, cache):
    inputs = backbone.prepare(TEXTS)
    pooled = cache.features(backbone, backbone.prepare(TEXTS[:5]), CUT, keep_hidden=False)
    assert pooled.gather([0, 1]).hidden is None
    cache.features(backbone, inputs, CUT, keep_hidden=True)
    computed = cache.stats.rows_computed
    found = cache.features(backbone, inputs, CUT, keep_hidden=False)
    assert cache.stats.rows_computed == computed
    assert_right(found, backbone, inputs, hidden=False)
    assert found.gather([7, 0, 9]).hidden is None
    whole = cache.features(backbone, inputs, CUT, keep_hidden=True)
    assert_right(whole, backbone, inputs)


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete", "empty", "swap"])
@pytest.mark.parametrize("part", ["pooled", "hidden"])
def test_a_damaged_shard_is_noticed_and_computed_anew(damage, part, backbone, tmp_path):
    inputs = backbone.prepare(TEXTS)
    cache = FeatureCache(tmp_path / "features")
    wanted = cache.features(backbone, inputs, CUT, keep_hidden=True).gather(range(40)).hidden
    cache.close()
    (path,) = (tmp_path / "features").glob(f"*.{part}.npy")
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "truncate": content[:middle],
        "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "empty": b"",
        "swap": content[:-4] + content[-2:] + content[-4:-2],
    }
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(damaged[damage])
    again = FeatureCache(tmp_path / "features")
    found = again.features(backbone, inputs, CUT, keep_hidden=True)
    assert again.stats.rows_computed == len(set(inputs.keys))
    assert torch.equal(found.gather(range(40)).hidden, wanted)
    assert len(shard_files(again.folder)) == 2
    again.close()


def test_whole_shards_go_the_longest_unused_first(backbone, tmp_path, small_shards):
    sets = [backbone.prepare(texts(20, seed)) for seed in range(4)]
    probe = FeatureCache(tmp_path / "probe")
    for inputs in sets:
        probe.features(backbone, inputs, CUT, keep_hidden=True)
    size = probe.index.total_bytes()
    probe.close()
    cache = FeatureCache(tmp_path / "features", limit_bytes=int(size * 0.6))
    kept = []
    for at, inputs in enumerate(sets):
        kept.append(cache.features(backbone, inputs, CUT, keep_hidden=True))
        cache.features(backbone, sets[0], CUT, keep_hidden=True)
        assert cache.index.total_bytes() <= cache.limit_bytes, at
        on_disk = sum(path.stat().st_size for path in shard_files(cache.folder))
        assert on_disk == cache.index.total_bytes()
    before = cache.stats.rows_computed
    cache.features(backbone, sets[0], CUT, keep_hidden=True)
    assert cache.stats.rows_computed == before, "what is asked for all the time stays"
    cache.features(backbone, sets[1], CUT, keep_hidden=True)
    assert cache.stats.rows_computed > before
    for inputs, found in zip(sets, kept, strict=True):
        assert_right(found, backbone, inputs)
    cache.close()


def test_what_is_in_use_is_never_evicted(backbone, tmp_path, small_shards):
    inputs = backbone.prepare(TEXTS)
    need = expected_bytes(backbone, inputs.lengths, CUT, True)
    cache = FeatureCache(tmp_path / "features", limit_bytes=need)
    found = cache.features(backbone, inputs, CUT, keep_hidden=True)
    names = {path.name.split(".")[0] for path in shard_files(cache.folder)}
    assert set(found.names) <= names
    assert_right(found, backbone, inputs)
    cache.close()


def told(error, place):
    assert error.code == "resource"
    assert place in error.place
    assert all((error.problem, error.expected, error.found, error.remedy))


def test_rows_that_cannot_fit_are_refused_before_any_work(backbone, tmp_path):
    cache = FeatureCache(tmp_path / "features", limit_bytes=1000)
    with pytest.raises(ResourceError) as caught:
        cache.features(backbone, backbone.prepare(TEXTS), CUT, keep_hidden=True)
    told(caught.value, "features")
    assert cache.stats.rows_computed == 0
    assert not shard_files(cache.folder)
    cache.close()


@pytest.mark.parametrize("said", ["many", "-1", "0", "nan", "inf", ""])
def test_a_size_that_is_none_is_refused(said, tmp_path, monkeypatch):
    monkeypatch.setenv("JOURNEYMAN_CACHE_GB", said)
    with pytest.raises(ResourceError) as caught:
        FeatureCache(tmp_path / "features")
    told(caught.value, "JOURNEYMAN_CACHE_GB")


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="the superuser may write")
def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    folder = tmp_path / "features"
    folder.mkdir()
    folder.chmod(0o555)
    with pytest.raises(ResourceError) as caught:
        FeatureCache(folder)
    told(caught.value, str(folder))


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "features").write_text("not a folder")
    with pytest.raises(ResourceError) as caught:
        FeatureCache(tmp_path / "features")
    told(caught.value, "features")


def test_an_index_of_garbage_is_told_with_a_way_out(tmp_path):
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "index.sqlite").write_bytes(b"garbage " * 1000)
    with pytest.raises(ResourceError) as caught:
        FeatureCache(tmp_path / "features")
    told(caught.value, "features")
    assert "delete" in caught.value.remedy


def test_an_index_damaged_inside_is_told_with_a_way_out(backbone, tmp_path, small_shards):
    folder = tmp_path / "features"
    cache = FeatureCache(folder)
    inputs = backbone.prepare(texts(300, seed=1))
    cache.features(backbone, inputs, CUT, keep_hidden=True)
    cache.index._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    cache.close()
    content = bytearray((folder / "index.sqlite").read_bytes())
    page = 4096
    assert len(content) > 4 * page
    for at in range(page, len(content)):
        content[at] = 0xA5
    (folder / "index.sqlite").write_bytes(bytes(content))

    def use():
        broken = FeatureCache(folder)
        broken.features(backbone, inputs, CUT, keep_hidden=True)

    with pytest.raises(ResourceError) as caught:
        use()
    told(caught.value, "features")
    assert "delete" in caught.value.remedy


def test_a_full_disk_leaves_no_half_written_file(backbone, cache, monkeypatch):
    from journeyman.training.cache import shards

    def full(file, array, allow_pickle):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards.np, "save", full)
    with pytest.raises(ResourceError) as caught:
        cache.features(backbone, backbone.prepare(TEXTS), CUT, keep_hidden=True)
    told(caught.value, "features")
    assert "No space" in caught.value.found
    assert not leftovers(cache.folder)
    assert not shard_files(cache.folder)
    monkeypatch.undo()
    inputs = backbone.prepare(TEXTS)
    assert_right(cache.features(backbone, inputs, CUT, keep_hidden=True), backbone, inputs)


def test_strange_files_in_the_folder_do_no_harm(backbone, cache):
    (cache.folder / ".strange.tmp").write_text("")
    (cache.folder / "notes.txt").write_text("")
    (cache.folder / ".old.pooled.999999999.tmp").write_text("")
    inputs = backbone.prepare(TEXTS)
    assert_right(cache.features(backbone, inputs, CUT, keep_hidden=True), backbone, inputs)
    assert (cache.folder / "notes.txt").exists()
    assert not (cache.folder / ".old.pooled.999999999.tmp").exists()


def test_no_rows_are_no_work(backbone, cache):
    found = cache.features(backbone, backbone.prepare([]), CUT, keep_hidden=True)
    assert len(found) == 0
    assert cache.stats.rows_computed == 0


def test_progress_is_told_to_the_end(backbone, cache, small_shards):
    told_of = []
    inputs = backbone.prepare(TEXTS)
    cache.features(
        backbone,
        inputs,
        CUT,
        keep_hidden=True,
        progress=lambda done, total: told_of.append((done, total)),
    )
    distinct = len(set(inputs.keys))
    assert told_of == sorted(told_of)
    assert told_of[-1] == (distinct, distinct)
    assert len(told_of) > 2


def test_the_index_is_intact_by_sqlites_own_word(backbone, cache, small_shards):
    cache.features(backbone, backbone.prepare(TEXTS), CUT, keep_hidden=True)
    with sqlite3.connect(cache.folder / "index.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
