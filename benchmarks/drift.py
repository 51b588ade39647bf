"""Drift: how often detectors are wrong where nothing moves, and how soon they see that it did.

Streams are made of blocks of consecutive rows (1, 20 or 50), drawn again and again, so that
neighbours hang together as they do at work. Stationary streams are of one kind of text; others go
over to another kind after 600 rows. `snippets`: four domains, a model of each; `stocknet`: tweets
on shares of five sectors, seen by the model of the tweets. Rows that a model learned or is examined
by are in no stream. Rows are halved by group (of stocknet by day): `choose` looks at one half, and
what is scored at the other, once the limits stand. One thread.

Run as `python -m benchmarks.drift [choose] [snippets] [stocknet] [DETECTOR ...]`.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import chi2

from benchmarks.runs import RESULTS, keep
from benchmarks.sentiment import DOMAINS
from journeyman.api import finetune
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.continual.holdings import exam_of, solved_head
from journeyman.drift.detectors.base import DETECTORS, Detector, MeanShift
from journeyman.model import Model
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.watching.sight import Sight, Views

PARTS = ("snippets", "stocknet")
BLOCKS = (1, 20, 50)
CHUNK = 50
STATIONARY, CALM, LONGEST = 5_000, 600, 1_000
SHARE = 10_000
SECTORS = {
    "technology": ("AAPL", "FB", "GOOG", "AMZN", "MSFT", "INTC", "CSCO"),
    "banks": ("BAC", "C", "JPM"),
    "industry": ("GE", "CAT", "BA"),
    "consumer": ("WMT", "MCD", "KO", "DIS"),
    "utilities": ("XOM", "T", "D"),
}
TWEETS = 24_000
RECIPE = {
    "task": "text-classification",
    "backbone": {"name": "minilm-l6", "precision": "auto"},
    "collect": {"fractions": {"validation": 0.1, "exam": 0.15, "test": 0.4}},
    "finetune": {"tuner": "none", "head": {"name": "ridge", "kernel": False}},
    "explain": {"samples": 1},
    "threads": 1,
}


@dataclass(frozen=True)
class Home:
    """What one model sees: what is usual, rows of its own kind in two halves, and of others."""

    name: str
    usual: Views
    own: Sequence[Views]
    others: Mapping[str, Sequence[Views]]


def measure() -> None:
    """All parts."""
    main(())


def main(parts: Sequence[str]) -> None:
    """Measure the parts named, or all that are scored; of detectors named, those alone."""
    torch.set_num_threads(1)
    choosing, only = "choose" in parts, [name for name in parts if name in DETECTORS]
    found: dict[str, Any] = {} if choosing else _kept()
    for name in [each for each in parts if each in PARTS] or PARTS:
        homes = list(snippets() if name == "snippets" else stocknet())
        before = found.get(name, {}) if only else {}
        made = choose(homes, only) if choosing else score(homes, only)
        found[name] = {**before, **made}
        print(json.dumps({name: found[name]}, indent=1), flush=True)
        if not choosing:
            keep("drift", found)


def _kept() -> dict[str, Any]:
    path = RESULTS / "drift.json"
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else {}
    return dict(figures)


def choose(homes: Sequence[Home], only: Sequence[str] = ()) -> dict[str, Any]:
    """On the first half: how high the statistic rises where nothing moves, and where all moved."""
    found: dict[str, Any] = {}
    shifts = [name for name in _seen(homes) if issubclass(DETECTORS[name], MeanShift)]
    for name in [each for each in shifts if each in only or not only]:
        highest: dict[int, list[float]] = {block: [] for block in BLOCKS}
        moved = []
        for number, home in enumerate(homes):
            view = DETECTORS[name].view
            for block in BLOCKS:
                for draw in range(3):
                    random = np.random.default_rng([number, block, draw, 1])
                    rows = home.own[0][view][drawn(home.own[0], STATIONARY, block, random)]
                    highest[block].append(float(_statistics(name, home, rows).max()))
            for other in home.others.values():
                random = np.random.default_rng([number, 2])
                rows = other[0][view][drawn(other[0], CALM, 20, random)]
                moved.append(float(np.median(_statistics(name, home, rows)[40:])))
        limits = (18, 20, 22, 25, 30, 40)
        found[name] = {
            "by limit": {str(limit): _limited(name, homes, limit) for limit in limits},
            "highest where nothing moves, by block": {
                str(block): round(max(values), 1) for block, values in highest.items()
            },
            "where all moved": {
                "least": round(min(moved), 1),
                "median": round(float(np.median(moved)), 1),
            },
        }
    return found


def _limited(name: str, homes: Sequence[Home], limit: float) -> dict[str, Any]:
    """False alarms and delays on the first half, with another limit."""
    made: Any = DETECTORS[name]
    before, made.limit = made.limit, limit
    try:
        return _tally([name], homes, half=0, draws=3).told()
    finally:
        made.limit = before


def score(homes: Sequence[Home], only: Sequence[str] = (), draws: int = 15) -> dict[str, Any]:
    """On the second half: false alarms of each detector, and rows until a change is seen.

    Those that act are taken together too, before labels come: without that which watches labels.
    """
    found: dict[str, Any] = {}
    names = _seen(homes)
    acting = [name for name in names if DETECTORS[name].acts and name != "label-shift"]
    chosen = [(name, [name]) for name in names if name in only or not only]
    for name, watched in [*chosen, *(() if only else (("those that act", acting),))]:
        found[name] = _tally(watched, homes, half=1, draws=draws).told()
        print(name, found[name], flush=True)
    return found


def _seen(homes: Sequence[Home]) -> list[str]:
    """Detectors of which every home has what they watch: labels are not everywhere."""
    return [name for name in DETECTORS if all(len(h.own[1][DETECTORS[name].view]) for h in homes)]


def _tally(names: Sequence[str], homes: Sequence[Home], *, half: int, draws: int) -> Tally:
    """Streams of every home, blocks of each size in turn."""
    tally = Tally()
    for number, home in enumerate(homes):
        own = home.own[half]
        for draw in range(draws):
            block = BLOCKS[draw % len(BLOCKS)]
            random = np.random.default_rng([number, draw, half, 3])
            which = drawn(own, STATIONARY, block, random)
            tally.stationary(_alarms(names, home, [(own, which)], draw), block)
        for at, other in enumerate(home.others.values()):
            for draw in range(max(1, draws // len(home.others))):
                block = BLOCKS[(at + draw) % len(BLOCKS)]
                random = np.random.default_rng([number, at, draw, half, 4])
                before = drawn(own, CALM, block, random)
                after = drawn(other[half], LONGEST, block, random)
                tally.change(_alarms(names, home, [(own, before), (other[half], after)], draw))
    return tally


@dataclass
class Tally:
    """Alarms on streams: the rows of stationary ones, and the delay on each that changed."""

    rows: int = 0
    streams: int = 0
    false: int = 0
    early: int = 0
    delays: list[float] = field(default_factory=list)
    by_block: dict[int, int] = field(default_factory=dict)

    def stationary(self, alarms: Sequence[int], block: int) -> None:
        """A stream of blocks in which nothing moved."""
        self.rows += STATIONARY
        self.streams += 1
        self.false += len(alarms)
        self.by_block[block] = self.by_block.get(block, 0) + len(alarms)

    def change(self, alarms: Sequence[int]) -> None:
        """A stream that changed; an alarm before it is early, and the stream goes on."""
        self.early += sum(at < CALM for at in alarms)
        after = [at - CALM + 1 for at in alarms if at >= CALM]
        self.delays.append(after[0] if after else float("inf"))

    def told(self) -> dict[str, Any]:
        """Rates with their upper bounds (Poisson, 95 %), and delays."""
        upper = float(chi2.ppf(0.95, 2 * (self.false + 1)) / 2)
        seen = [delay for delay in self.delays if np.isfinite(delay)]
        middle = statistics.median(self.delays)
        return {
            "stationary": {
                "streams": self.streams,
                "rows": self.rows,
                "false alarms": self.false,
                "by block": {str(block): n for block, n in sorted(self.by_block.items())},
                f"in {SHARE:,} rows": round(self.false / self.rows * SHARE, 3),
                "upper bound": round(upper / self.rows * SHARE, 3),
            },
            "changes": {
                "streams": len(self.delays),
                "seen": len(seen),
                "median rows": None if not np.isfinite(middle) else int(middle),
                "within 200": sum(delay <= 200 for delay in seen),
                "early alarms": self.early,
            },
        }


def drawn(views: Views, rows: int, block: int, random: np.random.Generator) -> Any:
    """Places of rows in blocks of neighbours, drawn with replacement."""
    most = len(views["input"])
    starts = random.integers(0, most - block + 1, size=-(-rows // block))
    return (starts[:, None] + np.arange(block)).ravel()[:rows]


def _statistics(name: str, home: Home, rows: Any) -> Any:
    detector = DETECTORS[name]()
    detector.begin(home.usual[DETECTORS[name].view])
    if not isinstance(detector, MeanShift) or detector.coordinates is None or not detector.shift:
        raise ValueError(f"{name} has no statistic")
    return detector.shift.update(detector.coordinates.place(rows))


def _alarms(
    names: Sequence[str], home: Home, parts: Sequence[tuple[Views, Any]], seed: int
) -> list[int]:
    """Where alarms were given; all detectors start anew after one, as they do at work."""
    detectors: dict[str, Detector] = {}
    for name in names:
        made = DETECTORS[name]
        detectors[name] = made(seed) if name == "dummy" else made()  # type: ignore[call-arg]
        detectors[name].begin(home.usual[made.view])
    needed = {DETECTORS[name].view for name in names}
    rows = {view: np.concatenate([views[view][at] for views, at in parts]) for view in needed}
    found, total = [], sum(len(at) for _, at in parts)
    for first in range(0, total, CHUNK):
        given = [
            alarm.at
            for name, detector in detectors.items()
            if (alarm := detector.update(rows[DETECTORS[name].view][first : first + CHUNK]))
        ]
        if given:
            found.append(first + min(given))
            for detector in detectors.values():
                detector.renew()
    return found


def snippets() -> Iterator[Home]:
    """Each domain as the home of a model, and the three others as what its stream may become."""
    with resolve_dataset("snippets").files["train"].open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    cache = FeatureCache()
    for name in DOMAINS:
        model = _model(name)
        known = _known(model)
        kinds = {
            each: [row for row in rows if row["domain"] == each and row["id"] not in known]
            for each in DOMAINS
        }
        halves = {each: _halved(kind, lambda row: row["group"]) for each, kind in kinds.items()}
        yield _home(name, model, halves, cache)


def stocknet() -> Iterator[Home]:
    """Each sector as a home, seen by the model of the tweets; 500 tweets say what is usual."""
    place = Path(os.environ["JOURNEYMAN_DATA"]) / "stocknet" / "tweets.jsonl.gz"
    with gzip.open(place, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows.sort(key=lambda row: (row["date"], str(row["created_at"])))
    some = sorted(np.random.default_rng(0).permutation(len(rows))[:TWEETS].tolist())
    rows = [{**rows[at], "id": str(at)} for at in some]
    model, cache = _model("tweets"), FeatureCache()
    for name in SECTORS:
        kinds = {
            sector: [row for row in rows if row["ticker"] in tickers]
            for sector, tickers in SECTORS.items()
        }
        random = np.random.default_rng(5)
        usual = set(random.permutation(len(kinds[name]))[:500].tolist())
        first = [row for at, row in enumerate(kinds[name]) if at in usual]
        kinds[name] = [row for at, row in enumerate(kinds[name]) if at not in usual]
        halves = {each: _by_time(kind) for each, kind in kinds.items()}
        yield _home(name, model, halves, cache, first)


def _home(
    name: str,
    model: Model,
    halves: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]],
    cache: FeatureCache,
    usual: Sequence[Mapping[str, Any]] = (),
) -> Home:
    sight = Sight(model)

    def seen(rows: Sequence[Mapping[str, Any]]) -> Views:
        texts, ids = [row["text"] for row in rows], [row["id"] for row in rows]
        return sight.look(texts, ids, rows, cache).views

    views = {each: [seen(half) for half in parts] for each, parts in halves.items()}
    others = {each: views[each] for each in views if each != name}
    return Home(name, seen(usual) if usual else sight.usual().views, views[name], others)


def _model(domain: str) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        data = {"dataset": "snippets", "where": {"domain": domain}}
        made = finetune({**RECIPE, "name": domain, "data": data, "output": f"{folder}/run"})
        solved_head(made)
        exam_of(made)
        return made


def _known(model: Model) -> set[str]:
    """Ids of rows that the model learned or is examined by."""
    ledger = model.learner.ledger
    if ledger is None:
        raise ValueError("the model keeps no ledger")
    return {*ledger.ids, *(question.id for question in exam_of(model).questions)}


def _halved(rows: Sequence[Any], group: Any) -> list[list[Any]]:
    """Rows in their order, in two halves of whole groups."""
    groups = sorted({group(row) for row in rows})
    first = set(np.random.default_rng(7).permutation(groups)[: len(groups) // 2].tolist())
    return [
        [row for row in rows if group(row) in first],
        [row for row in rows if group(row) not in first],
    ]


def _by_time(rows: Sequence[Any]) -> list[list[Any]]:
    """Rows in two halves, of days in turn."""
    days = {day: at for at, day in enumerate(sorted({row["date"] for row in rows}))}
    return [[row for row in rows if days[row["date"]] % 2 == half] for half in (0, 1)]


if __name__ == "__main__":
    main(sys.argv[1:])
