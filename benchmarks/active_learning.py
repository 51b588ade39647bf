"""How many labels the right questions save: every strategy of `journeyman label` beside chance.

`python -m benchmarks active_learning`: from a few rows at random, batch after batch is chosen by a
strategy, labelled as the data says and learned; test rows only draw the curve. The head is kernel
ridge regression as the default head has it, exact, on the frozen vectors of MiniLM's last two
layers (the last alone says how like two rows are). Its penalty and temperature are chosen by
leave-one-out on the labelled rows alone, anew whenever they have grown by 40 %. `CHOSEN_ON` are the
rows on which the usual strategies were chosen, `REPORTED` those that show what it does; the latter
chose nothing. At the end the head that `finetune` gives, which also chooses layers, learns what
random and the default strategy chose.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student

from benchmarks.runs import RESULTS, keep, record
from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.data.options import DataOptions
from journeyman.evaluation.calibration import fit_temperature, probabilities
from journeyman.heads.feature_map import FeatureMap
from journeyman.heads.kernel_rows import KernelSystem
from journeyman.heads.relu_kernel import relu_kernel
from journeyman.labelling.committee import committee
from journeyman.labelling.doubt import unsure
from journeyman.labelling.queue import FEW
from journeyman.labelling.strategies.base import STRATEGIES, Strategy, choose
from journeyman.labelling.view import View, directions
from journeyman.tasks.text_classification import TextClassification
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import make_examples
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune

SEEDS = 5
BACKBONE = "minilm-l6"
LAYERS = (5, 6)
DEFAULT, FOR_FEW = "margin", "design"
"""The usual strategies: of many classes, and of few."""
GOAL = 0.6
"""Share of random's labels with which the default strategy is to be as right."""
PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
GROWTH = 1.4
SLOW = ("typical",)
"""Strategies of which only the first batch is drawn, with no label before: what they are for."""

Places = NDArray[np.int64]
Curve = list[float]


@dataclass(frozen=True)
class Plan:
    """How a set of rows is labelled: `start` at random, then `batch` after batch up to `budget`.

    Of the training rows at most `pool` are there to be chosen from, of test rows at most `test`.
    Ten `seeds` where five say too little.
    """

    name: str
    start: int
    batch: int
    budget: int
    pool: int = 10_003
    test: int = 3_080
    seeds: int = SEEDS


CHOSEN_ON = (
    Plan("bitext_customer_support", 30, 20, 400),
    Plan("financial_phrasebank", 20, 20, 400),
)
REPORTED = (Plan("banking77", 200, 200, 2_000), Plan("snippets", 100, 100, 1_000, 6_000, 3_000, 10))

Rows = list[dict[str, Any]]


@dataclass
class Ground:
    """Rows with all that does not depend on labels: kernel [N, N + T] and vectors of the pool."""

    plan: Plan
    train: Rows
    test: Rows
    labels: tuple[str, ...] = ()
    truth: Places = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    kernel: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 1), np.float32))

    def __post_init__(self) -> None:
        self.labels = tuple(sorted({row["label"] for row in self.train}))
        place = {label: at for at, label in enumerate(self.labels)}
        said = [place.get(row["label"], -1) for row in [*self.train, *self.test]]
        self.truth = np.array(said, dtype=np.int64)
        layers, count = vectors_of([row["text"] for row in [*self.train, *self.test]]), self.size
        made = FeatureMap(LAYERS, [part.shape[1] for part in layers.values()], 1)
        made.fit({layer: part[:count] for layer, part in layers.items()})
        placed = made._placed(made._standard(torch.cat(list(layers.values()), dim=1)))
        self.kernel = relu_kernel(placed[:count], placed)
        raw = torch.nn.functional.normalize(layers[LAYERS[-1]][:count]).numpy()
        self.vectors = directions(raw, raw.mean(axis=0, keepdims=True))

    @property
    def size(self) -> int:
        """N."""
        return len(self.train)


def ground(plan: Plan) -> Ground:
    """The rows of a plan: the dataset's own split, or a quarter of its rows or groups held out."""
    parts = {
        name: [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
        for name, path in resolve_dataset(plan.name).files.items()
    }
    random = np.random.default_rng(0)
    train, test = parts["train"], parts.get("test")
    if test is None:
        groups = sorted({row.get("group", row["id"]) for row in train})
        held = {groups[at] for at in random.permutation(len(groups))[: len(groups) // 4]}
        test = [row for row in train if row.get("group", row["id"]) in held]
        train = [row for row in train if row.get("group", row["id"]) not in held]
    train, test = (
        [rows[at] for at in sorted(random.permutation(len(rows))[:most].tolist())]
        for rows, most in ((train, plan.pool), (test, plan.test))
    )
    return Ground(plan, train, test)


def vectors_of(texts: Sequence[str]) -> dict[int, torch.Tensor]:
    """Frozen vectors of the layers, from the cache where it has them."""
    network = backbone()
    inputs = network.prepare(texts).bare()
    depth, store = network.spec.depth, FeatureCache()
    source = store.features(network, inputs, depth, keep_hidden=False)
    parts = [
        source.gather(range(at, min(at + 512, len(texts)))) for at in range(0, len(texts), 512)
    ]
    store.close()
    return {layer: torch.cat([part.pooled[layer].float() for part in parts]) for layer in LAYERS}


@cache
def backbone() -> Backbone:
    """The network, once."""
    found = resolve(BACKBONE)
    spec = {"name": found.name, "licence": "", "source": "", "sha256": found.sha256}
    return load_backbone(found.folder, spec)


class Head:
    """Kernel ridge regression on what is labelled."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.penalty, self.temperature, self.next = PENALTIES[0], 1.0, 0.0
        self.answers = np.zeros((0, 1))

    def learn(self, labelled: Places) -> None:
        """Solve for these rows, choosing penalty and temperature anew where they are many more."""
        truth = torch.from_numpy(self.ground.truth[labelled])
        targets = torch.nn.functional.one_hot(truth, len(self.ground.labels)).double()
        kernel = self.ground.kernel[labelled][:, labelled].double()
        kernel.diagonal().mul_(1 + 1e-5)
        system = KernelSystem((kernel + kernel.T) / 2, targets)
        if len(labelled) >= self.next:
            self.next = GROWTH * len(labelled)
            tried = []
            for penalty in PENALTIES:
                solved = system.resolve(penalty * system.scale())
                left_out = solved.leave_one_out(kernel, targets)
                right = (left_out.argmax(1) == truth).double().mean()
                error = (left_out - targets).square().sum(1).mean()
                tried.append((float(right - 0.05 * error), penalty, left_out))
            _, self.penalty, left_out = max(tried, key=lambda each: each[0])
            self.temperature = fit_temperature(left_out.numpy(), truth.numpy())
        solved = system.resolve(self.penalty * system.scale())
        outputs = self.ground.kernel[labelled].T @ solved.weight.float()
        self.answers = (outputs.double() + solved.offset).numpy()

    def outputs(self, places: Places) -> NDArray[np.float64]:
        """[n, C] of rows of the pool, then of test rows."""
        return self.answers[places]

    def accuracy(self) -> float:
        """Of the test rows."""
        places = np.arange(self.ground.size, len(self.ground.truth))
        return float((self.outputs(places).argmax(1) == self.ground.truth[places]).mean())


def run(
    ground: Ground, strategy: Strategy, seed: int, start: str = "random"
) -> tuple[Curve, Places]:
    """Accuracy at the start and after each batch, and the rows labelled in their order."""
    plan, head = ground.plan, Head(ground)
    labelled = first(ground, STRATEGIES[start](), seed)
    curve: Curve = []
    while True:
        head.learn(labelled)
        curve.append(head.accuracy())
        if len(labelled) >= plan.budget:
            return curve, labelled
        view, rest = seen(ground, head, labelled, seed)
        wanted = min(plan.batch, plan.budget - len(labelled))
        found = choose(strategy, view, wanted, 1000 * seed + len(labelled))
        labelled = np.concatenate([labelled, rest[found]])


def seen(ground: Ground, head: Head, labelled: Places, seed: int) -> tuple[View, Places]:
    """The rows that are left, as a strategy sees them."""
    rest = np.setdiff1d(np.arange(ground.size), labelled)
    chances = probabilities(head.outputs(rest), head.temperature)
    vectors, known = ground.vectors[rest], ground.vectors[labelled]
    targets = np.eye(len(ground.labels))[ground.truth[labelled]]
    keys = [f"{at:06d}" for at in rest.tolist()]

    @cache
    def heads() -> NDArray[np.float64]:
        return committee(vectors, known, targets, seed)

    return View(keys, vectors, known, unsure(chances), chances, heads), rest


def first(ground: Ground, strategy: Strategy, seed: int) -> Places:
    """The first batch, chosen with no label before."""
    if strategy.name == "random":
        return np.random.default_rng(seed).permutation(ground.size)[: ground.plan.start]
    keys = [f"{at:06d}" for at in range(ground.size)]
    view = View(keys, ground.vectors, ground.vectors[:0])
    return np.array(choose(strategy, view, ground.plan.start, seed), dtype=np.int64)


def first_batch(ground: Ground, strategy: Strategy, seed: int) -> float:
    """Accuracy of what the first batch teaches."""
    head = Head(ground)
    head.learn(first(ground, strategy, seed))
    return head.accuracy()


def product(ground: Ground, labelled: Places, seed: int) -> float:
    """Test accuracy of what `finetune` makes of these rows, with its defaults."""
    task, columns = TextClassification(), DataOptions(train="rows", text="text", label="label")
    said = [{"text": ground.train[at]["text"], "label": ground.train[at]["label"]}
            for at in labelled.tolist()]  # fmt: skip
    schema = task.schema([task.target(row, columns) for row in said])
    train = make_examples(task, backbone(), said, columns, schema)
    nothing = make_examples(task, backbone(), [], columns, schema)
    options = FinetuneOptions.model_validate({"tuner": "none", "metric": "accuracy"})
    store = FeatureCache()
    made = finetune(task, backbone(), schema, train, nothing, options, seed=seed, cache=store)
    test = make_examples(task, backbone(), ground.test, columns, schema)
    source = store.features(backbone(), test.inputs, backbone().spec.depth, keep_hidden=False)
    outputs = made.learner.outputs(test, source)
    store.close()
    pairs = zip(outputs, ground.test, strict=True)
    return float(
        np.mean([schema.labels[int(row.argmax())] == told["label"] for row, told in pairs])
    )


def apart(differences: Sequence[float]) -> dict[str, float]:
    """Their mean with an interval at level 0.95 over seeds, by Student's t."""
    values = np.array(differences)
    half = float(student.ppf(0.975, len(values) - 1)) * values.std(ddof=1) / len(values) ** 0.5
    mean = float(values.mean())
    return {"value": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def reached(plan: Plan, curve: Sequence[float], goal: float) -> int | None:
    """Labels after which a curve is first at the goal; None where it never is."""
    at = next((at for at, accuracy in enumerate(curve) if accuracy >= goal), None)
    return None if at is None else min(plan.start + at * plan.batch, plan.budget)


def told(plan: Plan, curves: Mapping[str, Sequence[Curve]]) -> dict[str, Any]:
    """Each strategy's mean curve, its area less random's, and what it needs for random's end."""
    end = float(np.mean([curve[-1] for curve in curves["random"]]))
    found: dict[str, Any] = {}
    for name, own in curves.items():
        pairs = list(zip(own, curves["random"], strict=True))
        areas = [float(np.mean(a)) - float(np.mean(b)) for a, b in pairs]
        mean = np.mean(own, axis=0).tolist()
        found[name] = {
            "curve": [round(each, 4) for each in mean],
            "area less random's": apart(areas) if name != "random" else None,
            "labels to random's end": reached(plan, mean, end),
            "of each seed": [reached(plan, a, b[-1]) for a, b in pairs],
        }
    return found


def contenders() -> dict[str, tuple[str, str]]:
    """What chooses the first batch and what the others, by name; random is the first."""
    found = {name: ("random", name) for name in ("random", DEFAULT)}
    found[f"typical, then {DEFAULT}"] = ("typical", DEFAULT)
    return {**found, **{name: ("random", name) for name in STRATEGIES if name not in SLOW}}


def measure(plans: Sequence[Plan] = (*CHOSEN_ON, *REPORTED), names: Sequence[str] = ()) -> None:
    """Every strategy on every plan, or those named; kept as each ends, and what is kept is not
    measured again."""
    path = RESULTS / "active_learning.json"
    held = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else {}
    figures: dict[str, Any] = {**held, "seeds": SEEDS, "default": DEFAULT, "layers": list(LAYERS)}
    for plan in plans:
        kept = figures.get(plan.name, {})
        held_curves = {
            name: own for name, own in kept.get("curves", {}).items() if len(own) == plan.seeds
        }
        wanted = [name for name in names or contenders() if name not in held_curves]
        if not wanted:
            continue
        rows = ground(plan)
        own = figures[plan.name] = {**kept, "curves": held_curves, **said(plan, rows)}
        if "first batch" not in own:
            own["first batch"] = first_batches(rows)
        for name in wanted:
            began = time.process_time()
            begin, strategy = contenders()[name]
            done = [run(rows, STRATEGIES[strategy](), seed, begin) for seed in range(plan.seeds)]
            own["curves"][name] = [[round(each, 4) for each in curve] for curve, _ in done]
            own["strategies"] = told(plan, own["curves"])
            seconds = own.setdefault("processor seconds", {})
            seconds[name] = round(time.process_time() - began)
            record("active_learning", figures)
            print(plan.name, name, round(float(np.mean(own["curves"][name])), 4), flush=True)
        if plan in REPORTED and "with the default head" not in own:
            own["with the default head"] = with_product(rows)
            record("active_learning", figures)
    keep("active_learning", figures)


def said(plan: Plan, rows: Ground) -> dict[str, Any]:
    """What a plan is."""
    return {
        "pool": rows.size, "test": len(rows.test), "classes": len(rows.labels),
        "start": plan.start, "batch": plan.batch, "budget": plan.budget, "seeds": plan.seeds,
        "role": "chose the default" if plan in CHOSEN_ON else "chose nothing",
    }  # fmt: skip


def first_batches(rows: Ground) -> dict[str, float]:
    """What a first batch teaches that is chosen with no label before."""
    names = ("random", "coreset", *SLOW)
    found = {name: [first_batch(rows, STRATEGIES[name](), seed) for seed in range(SEEDS)]
             for name in names}  # fmt: skip
    return {name: round(float(np.mean(each)), 4) for name, each in found.items()}


def with_product(rows: Ground) -> dict[str, Any]:
    """The usual strategy with its share of the labels beside random with all of them."""
    few, usual = int(GOAL * rows.plan.budget), FOR_FEW if len(rows.labels) <= FEW else DEFAULT
    chosen = {name: [run(rows, STRATEGIES[name](), seed)[1] for seed in range(SEEDS)]
              for name in (usual, "random")}  # fmt: skip
    ours = [product(rows, own[:few], seed) for seed, own in enumerate(chosen[usual])]
    random = [product(rows, own, seed) for seed, own in enumerate(chosen["random"])]
    return {
        f"{usual}, {few} labels": round(float(np.mean(ours)), 4),
        f"random, {rows.plan.budget} labels": round(float(np.mean(random)), 4),
        "difference": apart([a - b for a, b in zip(ours, random, strict=True)]),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plans", nargs="*", help="names of the rows; all if absent")
    parser.add_argument("--strategies", nargs="+", default=[], choices=list(contenders()))
    asked = parser.parse_args()
    everything = (*CHOSEN_ON, *REPORTED)
    measure([p for p in everything if p.name in asked.plans or not asked.plans], asked.strategies)
