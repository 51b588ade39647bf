"""The feature cache forgets rows: what was made of them leaves the disk, whoever made it."""

import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from cache_process import texts
from tiny import tiny_backbone

from journeyman.data.identity import input_hash
from journeyman.training.cache import feature_cache as module
from journeyman.training.cache.feature_cache import FeatureCache

TEXTS = texts(40, seed=0)
GONE = [input_hash((text,)) for text in TEXTS[:2]]


@pytest.fixture(scope="module")
def backbones(tmp_path_factory):
    place = tmp_path_factory.mktemp("forgotten")
    made = [tiny_backbone(place, family) for family in ("bert", "distilbert")]
    made[1].spec = replace(made[1].spec, sha256="1" * 64)
    return made


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHARD_BYTES", 4000)
    monkeypatch.setattr(module, "BATCH_TOKENS", 200)
    opened = FeatureCache(tmp_path / "features")
    yield opened
    opened.close()


def filled(cache, backbones):
    for backbone in backbones:
        for cut in (1, 2):
            cache.features(backbone, backbone.prepare(TEXTS), cut, keep_hidden=cut == 1)


def entries(cache):
    with sqlite3.connect(cache.folder / "index.sqlite") as index:
        return index.execute("SELECT source, shard, key FROM entries").fetchall()


def bytes_of(cache):
    return b"".join(path.read_bytes() for path in cache.folder.glob("index.sqlite*"))


def signed(source):
    return source - (1 << 64) if source >= 1 << 63 else source


def spelled(source):
    return source.to_bytes(8, "big")


def test_rows_are_forgotten_whatever_backbone_and_cut_they_went_through(cache, backbones):
    filled(cache, backbones)
    wanted = {signed(source) for source in GONE}
    held = [(shard, key) for source, shard, key in entries(cache) if source in wanted]
    assert len(held) == 2 * 2 * 2
    names = {shard for shard, _ in held}
    assert all(spelled(source) in bytes_of(cache) for source in GONE)
    assert cache.forget(GONE) >= len(held)
    assert not wanted & {source for source, _, _ in entries(cache)}
    left = bytes_of(cache)
    assert not any(spelled(source) in left for source in GONE)
    assert not any(key in left for _, key in held)
    assert not any(path.name.split(".")[0] in names for path in cache.folder.iterdir())
    assert len(list(cache.folder.glob("*.npy"))) > 0


def test_other_rows_come_out_the_same(cache, backbones):
    backbone = backbones[0]
    inputs = backbone.prepare(TEXTS)
    before = cache.features(backbone, inputs, 2, keep_hidden=True).gather(range(2, 40))
    cache.forget(GONE)
    computed = cache.stats.rows_computed
    after = cache.features(backbone, inputs, 2, keep_hidden=True).gather(range(2, 40))
    assert 2 <= cache.stats.rows_computed - computed < 40
    np.testing.assert_allclose(before.hidden, after.hidden, atol=1e-3)


def test_rows_of_an_earlier_index_go_with_any(tmp_path, backbones):
    """An index that did not tell what rows were made from gains the column, and forgets all."""
    cache = FeatureCache(tmp_path / "features")
    backbone = backbones[0]
    cache.features(backbone, backbone.prepare(TEXTS), 2, keep_hidden=False)
    cache.close()
    with sqlite3.connect(tmp_path / "features" / "index.sqlite") as index:
        index.execute("ALTER TABLE entries DROP COLUMN source")
    opened = FeatureCache(tmp_path / "features")
    opened.features(backbone, backbone.prepare(TEXTS), 2, keep_hidden=False)
    assert opened.stats.rows_computed == 0
    assert opened.forget([1]) == len(set(backbone.prepare(TEXTS).keys))
    assert entries(opened) == []
    opened.close()


def test_what_is_still_read_elsewhere_is_told(cache, backbones, monkeypatch):
    from journeyman.errors import ResourceError
    from journeyman.training.cache import index as cache_index

    filled(cache, backbones[:1])
    cache.index._db.execute("PRAGMA busy_timeout = 10")
    monkeypatch.setattr(cache_index, "WAIT_SECONDS", 0.01)
    reader = sqlite3.connect(cache.folder / "index.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchone()
    with pytest.raises(ResourceError, match="in use"):
        cache.forget(GONE)
    reader.execute("COMMIT")
    reader.close()
    cache.forget(GONE)
    assert not any(spelled(source) in bytes_of(cache) for source in GONE)
