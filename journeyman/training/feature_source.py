"""Where a learner's features come from: the cache, or at cut 0 the rows themselves."""

from __future__ import annotations

from journeyman.progress import QUIET, Reporter
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, FeatureSource, Uncached
from journeyman.training.learner import Learner

ANNOUNCED_BYTES = 100_000_000


def feature_source(
    learner: Learner, examples: Examples, cache: FeatureCache, reporter: Reporter = QUIET
) -> FeatureSource:
    """Features at the learner's cut: from the cache, or at cut 0 the rows themselves."""
    if learner.cut == 0:
        return Uncached(learner.backbone, examples.inputs, 0)
    _announce(learner, examples, cache, reporter)
    with reporter.bar("frozen layers", len(examples)) as advance:
        done = 0

        def progress(now: int, _total: int) -> None:
            nonlocal done
            advance(now - done)
            done = now

        return cache.features(
            learner.backbone,
            examples.inputs,
            learner.cut,
            keep_hidden=learner.keep_hidden,
            progress=progress,
        )


def _announce(
    learner: Learner, examples: Examples, cache: FeatureCache, reporter: Reporter
) -> None:
    """Say beforehand what the features will take on disk, where that is much."""
    need = cache.planned(
        learner.backbone, examples.inputs, learner.cut, keep_hidden=learner.keep_hidden
    )
    if need >= ANNOUNCED_BYTES:
        reporter.say(
            f"  frozen features of {len(examples):,} rows: at most {need / 1e9:.1f} GB on disk, "
            f"of the {cache.limit_bytes / 1e9:.0f} GB the cache may hold"
        )
