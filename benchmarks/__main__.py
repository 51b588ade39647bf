"""`make bench`: the parts that fit in half an hour; name parts to run only those.

`LONG` ones run only by name. The whole contest with the usual stack is
`python -m benchmarks.peers`; the part of it here has few rows and epochs, and shows that everything
runs, not how well.
"""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks import intents, sentiment
from benchmarks.peers import contest

SHORT = {
    "frozen_pass": lambda: _measure("frozen_pass"),
    "intents": lambda: intents.measure(seeds=3),
    "sentiment": lambda: sentiment.measure(seeds=1),
    "rivals": lambda: _measure("rivals"),
    "entities": lambda: _measure("entities"),
    "peers": lambda: contest.measure(contest.Asked(part=contest.PART_ROWS)),
}
LONG = (
    "active_learning", "audit", "audit_structured", "continual", "continual_domains",
    "detection", "distil", "drift", "ensembles", "faces", "few_labels", "generalise", "hotel",
    "journey", "million_rows", "missing", "out_of_scope", "paired_intents", "picture_pass",
    "picture_race", "pictures", "pretraining", "ratings", "robustness", "search", "transfer",
    "tuners", "updates", "watching",
)  # fmt: skip


def main(names: list[str]) -> None:
    """Measure the parts of these names, or the short ones."""
    unknown = [name for name in names if name not in SHORT and name not in LONG]
    if unknown:
        known = ", ".join([*SHORT, *LONG])
        raise SystemExit(f"no such part: {', '.join(unknown)}; there are {known}")
    for name in names or SHORT:
        SHORT.get(name, lambda name=name: _measure(name))()


def _measure(name: str) -> None:
    import_module(f"benchmarks.{name}").measure()


if __name__ == "__main__":
    main(sys.argv[1:])
