"""`make bench`: the parts that fit in half an hour; name parts to run only those.

`LONG` ones run only by name. The whole contest with the usual stack is
`python -m benchmarks.peers`; the part of it here has few rows and epochs, and shows that everything
runs, not how well.
"""

from __future__ import annotations

import sys

from benchmarks import (
    entities,
    few_labels,
    frozen_pass,
    generalise,
    intents,
    journey,
    paired_intents,
    ratings,
    rivals,
    sentiment,
    transfer,
    tuners,
)
from benchmarks.peers import contest

PARTS = {
    "frozen_pass": frozen_pass.measure,
    "intents": lambda: intents.measure(seeds=3),
    "sentiment": lambda: sentiment.measure(seeds=1),
    "rivals": rivals.measure,
    "entities": entities.measure,
    "peers": lambda: contest.measure(contest.Asked(part=contest.PART_ROWS)),
}
LONG = {
    "few_labels": few_labels.measure,
    "generalise": generalise.measure,
    "journey": journey.measure,
    "paired_intents": paired_intents.measure,
    "ratings": ratings.measure,
    "transfer": transfer.measure,
    "tuners": tuners.measure,
}

for name in sys.argv[1:] or PARTS:
    {**PARTS, **LONG}[name]()
