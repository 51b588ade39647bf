"""One cache folder under several processes, and under processes that die."""

import os
import signal
import sqlite3
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch
from cache_process import CUT, deny, fill, texts
from forked import CONTEXT
from tiny import tiny_backbone

from journeyman.training.cache.feature_cache import FeatureCache


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    return folder, tiny_backbone(folder)


def intact(folder):
    with sqlite3.connect(folder / "index.sqlite") as db:
        (word,) = db.execute("PRAGMA integrity_check").fetchone()
        shards = {name for (name,) in db.execute("SELECT name FROM shards")}
        owners = {name for (name,) in db.execute("SELECT DISTINCT shard FROM entries")}
    db.close()
    files = {path.name.split(".")[0] for path in folder.glob("*.npy")}
    assert word == "ok"
    assert owners <= shards
    return shards, files


def test_two_processes_at_once_get_whole_results(home, tmp_path):
    folder, backbone = home
    cache = str(tmp_path / "features")
    with ProcessPoolExecutor(2, mp_context=CONTEXT) as pool:
        backbones = [str(folder / "tiny-bert")] * 2
        results = list(pool.map(fill, backbones, [cache] * 2, [120] * 2, [0] * 2))
    inputs = backbone.prepare(texts(120, 0))
    direct = backbone.frozen(inputs, CUT)
    real = direct.mask.unsqueeze(-1)
    for pooled, hidden in results:
        np.testing.assert_allclose(hidden, (direct.hidden * real).numpy(), atol=2e-3, rtol=2e-3)
        np.testing.assert_allclose(pooled[CUT], direct.pooled[CUT].numpy(), atol=2e-3, rtol=2e-3)
    after = FeatureCache(tmp_path / "features")
    found = after.features(backbone, inputs, CUT, keep_hidden=True)
    assert after.stats.rows_computed == 0
    assert len(found) == 120
    after.close()
    shards, files = intact(tmp_path / "features")
    assert shards == files
    assert not list((tmp_path / "features").glob(".*.tmp"))


KILLS = (1, 2, 4)
"""Before either file of a shard, between the two, and in a later shard."""


@pytest.fixture(scope="module")
def deaths(home, tmp_path_factory):
    """Caches of processes that were killed while they filled them, and how each process ended.

    The last one is another user's, who may not write there: the superuser may anywhere.
    """
    folder, _ = home
    caches = {at: tmp_path_factory.mktemp(f"killed{at}") / "features" for at in KILLS}
    backbone = str(folder / "tiny-bert")
    jobs = [(fill, backbone, str(caches[at]), 60, 0, at) for at in KILLS]
    if os.geteuid() == 0:
        owned = tmp_path_factory.mktemp("owned")
        FeatureCache(owned / "features").close()
        for above in (owned, *list(owned.parents)[:2]):
            above.chmod(0o755)
        jobs.append((deny, str(owned / "features")))
    return caches, [ended(*job) for job in jobs]


def ended(work, *arguments):
    """Exit status of `work` in a process of its own."""
    process = CONTEXT.Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.parametrize("kill_at", KILLS)
def test_a_process_killed_while_writing_leaves_a_cache_that_works(kill_at, home, deaths, tmp_path):
    _, backbone = home
    caches, statuses = deaths
    assert statuses[: len(KILLS)] == [-signal.SIGKILL] * len(KILLS)
    inputs = backbone.prepare(texts(60, 0))
    whole = FeatureCache(tmp_path / "whole").features(backbone, inputs, CUT, keep_hidden=True)
    after = FeatureCache(caches[kill_at])
    found = after.features(backbone, inputs, CUT, keep_hidden=True)
    assert (after.stats.rows_found > 0) == (kill_at > 2)
    mine, theirs = found.gather(range(60)), whole.gather(range(60))
    torch.testing.assert_close(mine.hidden, theirs.hidden, atol=2e-3, rtol=2e-3)
    after.close()
    shards, files = intact(caches[kill_at])
    assert shards == files
    assert not list(caches[kill_at].glob(".*.tmp"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_folder_that_another_user_owns_is_told(deaths):
    assert deaths[1][-1] == 17
