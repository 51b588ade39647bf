"""snippets as a stream of its four domains: what a model of the earlier ones keeps.

A ridge head on frozen layers takes in domain by domain and is solved again, beside one that has
all rows at once. Then layers are tuned as in recipes/sentiment.yaml: on all rows at once; on each
domain alone, going on from the domain before; and on each domain with a reservoir of earlier
rows. Of the last two the model of each step is also kept as it was, and a router, which is a
ridge head on frozen layers that has learned the domains, says whose model answers. Validation
rows are never learned.

`python -m benchmarks.continual_domains [--rows N] [--tests N] [--cut N] [--reservoir N]`
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers.solved_steps import widened
from benchmarks.robustness import network
from benchmarks.runs import RESULTS, keep
from benchmarks.sentiment import DOMAINS
from journeyman.backbones.base import Backbone
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.data.collection import collect
from journeyman.data.options import CollectOptions, DataOptions, Fractions
from journeyman.evaluation.classification import macro_f1_score
from journeyman.evaluation.intervals import percentile_metric
from journeyman.heads.base import HeadShape, Layers
from journeyman.heads.regulariser import ALPHAS
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions, Score
from journeyman.heads.statistics import RidgeStatistics
from journeyman.tasks.base import Schema
from journeyman.tasks.text_classification import TextClassification
from journeyman.training.balance import Balance, class_weights
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, make_examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Learner
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune
from journeyman.types import Row

FRACTIONS = Fractions(validation=0.05, exam=0.05, test=0.2)
"""Of recipes/sentiment.yaml."""
BALANCE = {"power": 0.5, "within": "domain"}
PARTS = ("validation", "test")
RESAMPLES = 1000
FROZEN, BEST = "frozen, all rows at once", "tuned, all rows at once"
Classes = NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """How much is learned. `rows` are of a domain at most, `reservoir` of all earlier ones."""

    rows: int | None = None
    tests: int | None = None
    cut: int = 1
    epochs: int = 2
    reservoir: int = 1000
    seed: int = 0

    def options(self, tuner: str) -> FinetuneOptions:
        """Those of the recipe; validation rows are not learned."""
        layers = {"cut": self.cut, "learning_rate": 1.5e-4, "epochs": self.epochs}
        return FinetuneOptions.model_validate(
            {
                "tuner": tuner,
                "head": {"name": "ridge", "kernel": False},
                "balance": BALANCE,
                "refit": False,
                **(layers if tuner != "none" else {}),
            }
        )


@dataclass
class Bench:
    """Rows of each part and domain, and the network they are read by."""

    asked: Asked
    data: DataOptions
    rows: Mapping[str, Mapping[str, list[Row]]]
    backbone: Backbone = field(default_factory=network)
    task: TextClassification = field(default_factory=TextClassification)
    cache: FeatureCache = field(default_factory=FeatureCache)

    def __post_init__(self) -> None:
        known = [self.task.target(row, self.data) for row in self.all("train")]
        self.schema: Schema = self.task.schema(known)
        self.asks = {part: self.examples(self.all(part)) for part in PARTS}

    def all(self, part: str, domains: Sequence[str] = DOMAINS) -> list[Row]:
        """The rows of these domains, in their order."""
        return [row for domain in domains for row in self.rows[part][domain]]

    def examples(self, rows: Sequence[Row]) -> Examples:
        """Rows made ready."""
        return make_examples(self.task, self.backbone, rows, self.data, self.schema)

    def domains(self, part: str) -> Classes:
        """[N] which domain each row asked about is of."""
        return np.array([DOMAINS.index(str(row["domain"])) for row in self.all(part)])

    def truth(self, part: str) -> Classes:
        """[N] their classes."""
        return np.array([self.schema.labels.index(t.label) for t in self.asks[part].targets])

    def trained(
        self, rows: Sequence[Row], held: Sequence[Row], tuner: str, learner: Learner | None = None
    ) -> Learner:
        """Layers tuned on rows, going on from a learner where one is given, and the head solved."""
        found = finetune(
            self.task,
            self.backbone,
            self.schema,
            self.examples(rows),
            self.examples(held),
            self.asked.options(tuner),
            seed=self.asked.seed,
            cache=self.cache,
            learner=learner,
        )
        return found.learner

    def answers(self, learner: Learner) -> dict[str, Classes]:
        """Classes that a learner gives the rows of each part."""
        return {
            part: np.stack(learner.outputs(each, feature_source(learner, each, self.cache))).argmax(
                1
            )
            for part, each in self.asks.items()
        }

    def layers(self, rows: Sequence[Row]) -> Layers:
        """Pooled vectors of the frozen network."""
        inputs = self.backbone.prepare([self.task.text(row, self.data) for row in rows])
        depth = self.backbone.spec.depth
        return self.cache.features(self.backbone, inputs, depth, keep_hidden=False).pooled()

    def head(self, outputs: int, layers: Sequence[int] | None = None) -> RidgeHead:
        """An unsolved head on these frozen layers, or on those that it chooses; held by sums."""
        spec = self.backbone.spec
        shape = HeadShape(spec.width, tuple(range(1, spec.depth + 1)), outputs, "row")
        read = "auto" if layers is None else list(layers)
        options = RidgeOptions(kernel=False, balance=False, layers=read)
        return RidgeHead(options, shape, self.asked.seed)


Said = list[dict[str, Classes]]
"""After each step, classes of the rows of each part."""


def frozen_steps(bench: Bench) -> tuple[Said, float]:
    """The head domain by domain; and how far its outputs are from those of the same rows at once.

    At once means the rows of the other domains in one call, in another order.
    """
    head, beside, said = _begun(bench), _begun(bench), Said()
    vectors = {part: bench.layers(bench.all(part)) for part in PARTS}
    later = []
    for step, domain in enumerate(DOMAINS):
        if step:
            rows = bench.rows["train"][domain]
            targets = _weighed(bench, rows)
            head.add(bench.layers(rows), targets)
            head.resolve()
            later.append((rows, targets))
        said.append({part: head.outputs(vectors[part]).argmax(1).numpy() for part in PARTS})
    rows = [row for part, _ in later for row in part]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
    targets = torch.cat([part for _, part in later])[order]
    beside.add({n: v[order] for n, v in bench.layers(rows).items()}, targets)
    beside.resolve()
    apart = float((head.outputs(vectors["test"]) - beside.outputs(vectors["test"])).abs().max())
    return said, apart


def _begun(bench: Bench, layers: Sequence[int] | None = None) -> RidgeHead:
    """The head after the first domain, by whose validation rows it chooses."""
    head = bench.head(len(bench.schema.labels), layers)
    rows, held = (bench.rows[part][DOMAINS[0]] for part in ("train", "validation"))
    targets, score = _weighed(bench, rows), _scored(bench, held)
    head.solve(bench.layers(rows), targets, bench.layers(held), score, leave_one_out=True)
    return head


def _scored(bench: Bench, rows: Sequence[Row]) -> Score:
    """Macro-F1 on these rows."""
    truth = [bench.task.target(row, bench.data).label for row in rows]
    return lambda said: macro_f1_score(truth, [bench.schema.labels[i] for i in said.argmax(1)])


def frozen_penalties(bench: Bench) -> Said:
    """The head of every layer domain by domain, its penalty chosen again in each step.

    The sums are those of any penalty; beside them it takes the vectors of the validation rows.
    """
    vectors = {part: bench.layers(bench.all(part)) for part in PARTS}
    head, said = _begun(bench, range(1, bench.backbone.spec.depth + 1)), Said()
    for step, domain in enumerate(DOMAINS):
        rows = bench.rows["train"][domain]
        if step:
            head.add(bench.layers(rows), _weighed(bench, rows))
        known = bench.all("validation", DOMAINS[: step + 1])
        held, score = bench.layers(known), _scored(bench, known)
        scale = RidgeStatistics.from_tensors(head.statistics()).scale()
        merits = {}
        for relative in ALPHAS:
            head.choices["alpha"] = relative * scale
            head.resolve()
            merits[head.choices["alpha"]] = score(head.outputs(held))
        head.choices["alpha"] = max(merits, key=lambda alpha: (merits[alpha], alpha))
        head.resolve()
        said.append({part: head.outputs(vectors[part]).argmax(1).numpy() for part in PARTS})
    return said


def _weighed(bench: Bench, rows: Sequence[Row]) -> Tensor:
    """Targets [N, C] of the rows of one domain, its rare classes raised."""
    examples = bench.examples(rows)
    scaled = class_weights(examples, Balance.model_validate(BALANCE)).scaled(examples).encoded
    if scaled is None or not isinstance(scaled.rows, Tensor):
        raise ValueError("rows have no targets")
    return scaled.rows


def in_turn(bench: Bench, reservoir: int) -> Said:
    """Layers tuned domain by domain, each going on from the last; the head is solved on the rows
    at hand: the domain's, and those of the reservoir."""
    said, learner = Said(), None
    store, seen = list[Row](), 0
    draw = np.random.default_rng(bench.asked.seed)
    for step, domain in enumerate(DOMAINS):
        fresh = bench.rows["train"][domain]
        held = bench.all("validation", DOMAINS[: step + 1] if reservoir else (domain,))
        learner = bench.trained([*fresh, *store], held, "full", learner)
        said.append(bench.answers(learner))
        for row in fresh:  # Vitter (1985), algorithm R.
            place = len(store) if len(store) < reservoir else int(draw.integers(0, seen + 1))
            store[place : place + 1] = [row] if place < reservoir else []
            seen += 1
    return said


def router(bench: Bench) -> dict[str, list[Classes]]:
    """Which domain each row seems to be of, among those known after each step.

    Its head learns domain by domain, from sums; map and penalty are chosen when there are two.
    """
    vectors = {part: bench.layers(bench.all(part)) for part in PARTS}
    routes = {part: [np.zeros(len(bench.domains(part)), dtype=np.int64)] for part in PARTS}
    head = bench.head(2)
    for step in range(1, len(DOMAINS)):
        known = DOMAINS[: step + 1]
        if step == 1:
            held = bench.all("validation", known)
            layers, truth = bench.layers(held), _domain_of(held)
            wanted = _one_hot(bench.all("train", known), len(known))
            score = partial(_agreement, truth)
            train = bench.layers(bench.all("train", known))
            head.solve(train, wanted, layers, score, leave_one_out=True)
        else:
            rows = bench.all("train", known[-1:])
            head = widened(head, len(known))
            head.add(bench.layers(rows), _one_hot(rows, len(known)))
            head.resolve()
        for part in PARTS:
            routes[part].append(head.outputs(vectors[part]).argmax(1).numpy())
    return routes


def _domain_of(rows: Sequence[Row]) -> Tensor:
    return torch.tensor([DOMAINS.index(str(row["domain"])) for row in rows])


def _one_hot(rows: Sequence[Row], domains: int) -> Tensor:
    return torch.nn.functional.one_hot(_domain_of(rows), domains).float()


def _agreement(truth: Tensor, outputs: Tensor) -> float:
    return float((outputs.argmax(1) == truth).float().mean())


def routed(kept: Said, routes: Mapping[str, list[Classes]]) -> Said:
    """The answer of the model kept for the domain that the router names."""
    return [
        {
            part: np.stack([said[part] for said in kept])[
                routes[part][step], np.arange(len(routes[part][step]))
            ]
            for part in PARTS
        }
        for step in range(len(DOMAINS))
    ]


def measure(asked: Asked | None = None, name: str = "continual_domains") -> None:
    """Everyone in turn; what is finished is kept, and a run that was stopped goes on."""
    asked = asked or Asked()
    bench = Bench(asked, *gathered(asked))
    figures = _kept(name, asked)
    figures["rows"] = {p: {d: len(r) for d, r in by.items()} for p, by in bench.rows.items()}
    found: dict[str, Said] = {label: _read(told) for label, told in figures["answers"].items()}

    def take(label: str, learn: Callable[[], Said]) -> Said:
        if label not in found:
            began = time.process_time()
            found[label] = learn()
            figures["processor seconds"][label] = round(time.process_time() - began, 1)
            figures["answers"][label] = _written(found[label])
            keep(name, {**figures, "contestants": told(bench, found)})
        return found[label]

    def at_once(tuner: str) -> Said:
        return [bench.answers(bench.trained(bench.all("train"), bench.all("validation"), tuner))]

    def frozen() -> Said:
        steps, figures["largest difference from at once"] = frozen_steps(bench)
        return steps

    take("frozen, step by step", frozen)
    take("frozen, step by step, penalty anew", partial(frozen_penalties, bench))
    take(FROZEN, partial(at_once, "none"))
    take(BEST, partial(at_once, "full"))
    routes = router(bench)
    figures["router is right"] = {
        part: round(float((routes[part][-1] == bench.domains(part)).mean()), 4) for part in PARTS
    }
    for label, rows in (("naive", 0), (f"reservoir of {asked.reservoir}", asked.reservoir)):
        models = take(f"tuned in turn, {label}", partial(in_turn, bench, rows))
        take(f"router over the models of: {label}", partial(routed, models, routes))


def _kept(name: str, asked: Asked) -> dict[str, Any]:
    """What an earlier run left, if it was asked the same."""
    path = RESULTS / f"{name}.json"
    if path.is_file():
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["figures"]
        if held["asked"] == vars(asked) and "answers" in held:
            return held
    return {"asked": vars(asked), "answers": {}, "processor seconds": {}}


def _written(said: Said) -> list[dict[str, str]]:
    """Answers as digits, one a row."""
    return [{part: "".join(map(str, each[part])) for part in PARTS} for each in said]


def _read(told: list[dict[str, str]]) -> Said:
    """What `_written` wrote."""
    return [{part: np.array([*map(int, each[part])]) for part in PARTS} for each in told]


def told(bench: Bench, found: Mapping[str, Said]) -> dict[str, Any]:
    """Macro-F1 by domain after each step, the mean in the end, and how much of the gap between
    frozen and tuned layers is closed."""
    table: dict[str, Any] = {}
    for label, said in found.items():
        curve = [_by_domain(bench, each["test"], "test") for each in said]
        means = {part: _mean(_by_domain(bench, said[-1][part], part)) for part in PARTS}
        table[label] = {"curve": curve, "validation": means["validation"], "test": means["test"]}
        if {FROZEN, BEST} <= set(found):
            table[label] |= _gap(bench, said[-1]["test"], found)
    return table


def _gap(bench: Bench, said: Classes, found: Mapping[str, Said]) -> dict[str, Any]:
    """Points above the frozen head, with an interval over test rows, and the share of the gap."""
    frozen, best = (found[label][-1]["test"] for label in (FROZEN, BEST))
    draw = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        rows = draw.integers(0, len(said), len(said))
        one, other = (_mean(_by_domain(bench, each, "test", rows)) for each in (said, frozen))
        drawn.append(one - other)
    one, other, top = (_mean(_by_domain(bench, each, "test")) for each in (said, frozen, best))
    gain = percentile_metric(one - other, np.array(drawn), len(said)).to_json()
    share = (one - other) / (top - other) if top > other else None
    return {"less the frozen head": gain, "share of the gap": share}


def _by_domain(
    bench: Bench, said: Classes, part: str, rows: Classes | None = None
) -> dict[str, float]:
    """Macro-F1 of each domain, from counts; of the rows drawn where they are given."""
    truth, domains = _facts(bench, part)
    if rows is not None:
        truth, domains, said = truth[rows], domains[rows], said[rows]
    size = len(bench.schema.labels)
    counts = np.zeros((len(DOMAINS), size, size))
    np.add.at(counts, (domains, truth, said), 1)
    hits = np.diagonal(counts, axis1=1, axis2=2)
    both = counts.sum(1) + counts.sum(2)
    scores = np.where(both > 0, 2 * hits / np.maximum(both, 1), np.nan)
    return dict(zip(DOMAINS, np.nanmean(scores, axis=1).round(5).tolist(), strict=True))


def _facts(bench: Bench, part: str) -> tuple[Classes, Classes]:
    held: dict[str, tuple[Classes, Classes]] = bench.__dict__.setdefault("_known", {})
    if part not in held:
        held[part] = bench.truth(part), bench.domains(part)
    return held[part]


def _mean(scores: Mapping[str, float]) -> float:
    return float(np.mean(list(scores.values())))


def gathered(asked: Asked) -> tuple[DataOptions, dict[str, dict[str, list[Row]]]]:
    """The recipe's split of the rows, by part and domain, with so many of a domain at most."""
    found = resolve_dataset("snippets")
    data = DataOptions(**{**found.columns, "dataset": "snippets"})
    shares = CollectOptions(fractions=FRACTIONS)
    with tempfile.TemporaryDirectory() as folder:
        split = collect(
            data, shares, folder=Path(folder), seed=asked.seed, files=found.files, kind="label"
        )
        rows = {name: list(split.tables[name].rows()) for name in ("train", *PARTS)}
        data = split.columns
    draw = np.random.default_rng(asked.seed)
    most = {"train": asked.rows, "validation": asked.tests, "test": asked.tests}
    parts = {}
    for name, every in rows.items():
        parts[name] = {}
        for domain in DOMAINS:
            own = [row for row in every if row["domain"] == domain]
            order = sorted(draw.permutation(len(own))[: most.get(name)].tolist())
            parts[name][domain] = [own[i] for i in order]
    return data, parts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.continual_domains")
    parser.add_argument("--rows", type=int, help="training rows of a domain at most")
    parser.add_argument("--tests", type=int, help="test and validation rows of a domain at most")
    parser.add_argument("--cut", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--reservoir", type=int, default=1000)
    parser.add_argument("--threads", type=int, help="default: as PyTorch has it")
    parser.add_argument("--name", default="continual_domains", help="of the file of results")
    given = vars(parser.parse_args())
    threads, name = given.pop("threads"), given.pop("name")
    if threads:
        torch.set_num_threads(threads)
    measure(Asked(**given), name)
