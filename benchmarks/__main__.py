"""`make bench`: the parts that fit in half an hour; name parts to run only those."""

from __future__ import annotations

import sys

from benchmarks import entities, frozen_pass, intents, rivals, sentiment

PARTS = {
    "frozen_pass": frozen_pass.measure,
    "intents": lambda: intents.measure(seeds=3),
    "sentiment": lambda: sentiment.measure(seeds=1),
    "rivals": rivals.measure,
    "entities": entities.measure,
}

for name in sys.argv[1:] or PARTS:
    PARTS[name]()
