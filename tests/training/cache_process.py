"""What other processes do with a cache in the cache's tests."""

import os
import signal
import sys
from pathlib import Path

CUT = 2


def texts(count, seed):
    """Texts of random words, some of them equal."""
    import random

    from tiny import WORDS

    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 20))) for _ in range(count)]


def fill(folder, cache_folder, count, seed, kill_at=0):
    """Compute features of the texts; die at the `kill_at`-th file renamed into place."""
    from journeyman.backbones.text_encoder import load_backbone
    from journeyman.training.cache import feature_cache as module

    module.SHARD_BYTES = 4000
    module.BATCH_TOKENS = 200
    spec = {"name": "tiny", "licence": "none", "source": "made", "sha256": "0" * 64}
    backbone = load_backbone(Path(folder), spec, {"max_tokens": 32})
    if kill_at:
        left = [kill_at]
        real = os.replace

        def replace(source, target):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            real(source, target)

        os.replace = replace
    cache = module.FeatureCache(Path(cache_folder))
    inputs = backbone.prepare(texts(count, seed))
    found = cache.features(backbone, inputs, CUT, keep_hidden=True)
    pooled = {layer: vectors.numpy() for layer, vectors in found.pooled().items()}
    hidden = found.gather(range(len(inputs))).hidden.numpy()
    cache.close()
    return pooled, hidden


def deny(cache_folder):
    """Open the cache as a user who may not write there; ends with 17 where that is told."""
    from journeyman.errors import ResourceError
    from journeyman.training.cache.feature_cache import FeatureCache

    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try:
        FeatureCache(Path(cache_folder))
    except ResourceError as error:
        sys.exit(17 if error.remedy and error.place == cache_folder else 18)
