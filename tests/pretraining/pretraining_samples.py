"""Corpora of a planted rule, and pretraining on them."""

import random

from journeyman.pretraining.corpus import Corpus
from journeyman.pretraining.options import PretrainOptions
from journeyman.pretraining.pretrain import pretrain
from journeyman.training.cache.feature_cache import FeatureCache

PARTS = ("london", "paris"), ("anna", "bob"), ("good", "bad"), ("cat", "dog")


def texts(count, seed=0):
    """Sentences in which one word always tells another: `anna` goes with `london` and so on."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        at = draw.randrange(2)
        words = [pair[at] for pair in PARTS]
        made.append(f"the {words[0]} {words[1]} was {words[2]} and the {words[3]}")
    return made


def corpus(count=120, held=16):
    made = texts(count + held)
    return Corpus(made[held:], made[:held])


def trained(backbone, folder, cache, checkpoint=None, tracker=None, seed=0, rows=None, **said):
    """Pretraining with what a recipe would say."""
    options = PretrainOptions.model_validate({"method": "mlm", "precision": "float32", **said})
    return pretrain(
        backbone,
        folder,
        rows or corpus(),
        options,
        seed=seed,
        cache=FeatureCache(cache),
        checkpoint=checkpoint,
        tracker=tracker,
    )
