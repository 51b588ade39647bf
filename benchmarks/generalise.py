"""snippets, a domain left out: does adapting to it without labels pay? Each of four in turn.

A ridge head on frozen features learns three domains; the fourth lends its texts, never its labels.
Macro-F1 on it with each method beside that without; `python -m benchmarks.generalise`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.runs import empty_cache, keep
from benchmarks.sentiment import DOMAINS
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import resolve
from journeyman.catalogue.datasets import resolve_dataset
from journeyman.evaluation.calibration import fit_temperature
from journeyman.evaluation.classification import macro_f1_score
from journeyman.heads.base import HeadShape, Layers
from journeyman.heads.ridge import RidgeHead
from journeyman.heads.ridge_search import RidgeOptions
from journeyman.training.cache.feature_cache import FeatureCache

LABELS = ("negative", "neutral", "positive")
LAYERS = (3, 4, 5, 6)
ROWS = 2000
"""Rows of a domain at most."""


@dataclass(frozen=True)
class Domain:
    """Pooled vectors of some rows and their classes."""

    layers: Layers
    labels: NDArray[np.int64]

    def take(self, which: NDArray[np.int64]) -> Domain:
        at = torch.from_numpy(which)
        return Domain({n: v[at] for n, v in self.layers.items()}, self.labels[which])


@dataclass(frozen=True)
class Solved:
    """A head learned on source rows, and the temperature of its outputs by other source rows."""

    head: RidgeHead
    temperature: float

    def logits(self, layers: Layers) -> Tensor:
        return self.head.outputs(layers) / self.temperature


def solved(train: Domain, validation: Domain, width: int, seed: int) -> Solved:
    options = RidgeOptions(layers=list(LAYERS), kernel=False, balance=False)
    head = RidgeHead(options, HeadShape(width, LAYERS, len(LABELS), "row"), seed)
    targets = torch.nn.functional.one_hot(torch.from_numpy(train.labels), len(LABELS)).float()

    def score(outputs: Tensor) -> float:
        return _score(outputs, validation)

    head.solve(train.layers, targets, validation.layers, score, leave_one_out=True)
    outputs = head.outputs(validation.layers).double().numpy()
    return Solved(head, fit_temperature(outputs, validation.labels))


def without(model: Solved, train: Domain, target: Layers) -> Tensor:
    return model.logits(target)


def prior_shift(model: Solved, train: Domain, target: Layers) -> Tensor:
    """Class shares of the target by expectation maximisation (Saerens et al. 2002)."""
    chances = model.logits(target).double().softmax(1)
    shares = np.bincount(train.labels, minlength=len(LABELS)) / len(train.labels)
    source = torch.from_numpy(shares)
    found = source.clone()
    for _ in range(200):
        weighed = chances * (found / source)
        found = (weighed / weighed.sum(1, keepdim=True)).mean(0)
    return (chances * (found / source)).clamp(min=1e-12).log()


def information(model: Solved, train: Domain, target: Layers, *, diverse: float = 1.0) -> Tensor:
    """Entropy of answers made small (Wang et al. 2021), of their mean kept large (Liang et al.
    2020): a scale and a shift for each feature, the head left as it is.

    Its rate is the better of two on two of the domains by their labels, so it is flattered here.
    """
    with torch.no_grad():
        rows = torch.cat([part for _, part in model.head._chosen_map().chunks(target)])
        weight = model.head.weight / model.temperature
        offset = model.head.offset / model.temperature
    scale = torch.ones(rows.shape[1], requires_grad=True)
    shift = torch.zeros(rows.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([scale, shift], lr=1e-3)
    for _ in range(50):
        chances = ((rows * scale + shift) @ weight + offset).log_softmax(1)
        mean = chances.exp().mean(0)
        loss = -(chances.exp() * chances).sum(1).mean() + diverse * (mean * mean.log()).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return ((rows * scale + shift) @ weight + offset).detach()


def entropy(model: Solved, train: Domain, target: Layers) -> Tensor:
    return information(model, train, target, diverse=0.0)


ON_MODEL: Mapping[str, Callable[[Solved, Domain, Layers], Tensor]] = {
    "without": without,
    "prior shift (EM)": prior_shift,
    "entropy": entropy,
    "entropy, diverse": information,
}


def centred(source: Layers, target: Layers) -> tuple[Layers, Layers]:
    """The means of both made 0."""
    return (
        {n: v - v.mean(0) for n, v in source.items()},
        {n: v - v.mean(0) for n, v in target.items()},
    )


def coral(source: Layers, target: Layers) -> tuple[Layers, Layers]:
    """Second moments of the source made those of the target, layer by layer (Sun et al. 2016)."""
    source, target = centred(source, target)
    aligned = {}
    for layer, rows in source.items():
        here, there = (_covariance(each) for each in (rows, target[layer]))
        aligned[layer] = (rows.double() @ _power(here, -0.5) @ _power(there, 0.5)).float()
    return aligned, target


ON_FEATURES: Mapping[str, Callable[[Layers, Layers], tuple[Layers, Layers]]] = {
    "means alike": centred,
    "CORAL": coral,
}


def _covariance(rows: Tensor) -> Tensor:
    exact = rows.double()
    found = exact.T @ exact / len(exact)
    found.diagonal().add_(0.1 * float(found.diagonal().mean()))
    return found


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, basis = torch.linalg.eigh(matrix)
    return (basis * values.clamp(min=1e-12).pow(exponent)) @ basis.T


def _score(outputs: Tensor, rows: Domain) -> float:
    guesses = [LABELS[i] for i in outputs.argmax(1).tolist()]
    return macro_f1_score([LABELS[i] for i in rows.labels], guesses)


def domains(most: int, seed: int) -> tuple[dict[str, Domain], int]:
    """Frozen features of at most so many rows of each domain."""
    found = resolve("minilm-l6")
    spec = {"name": found.name, "licence": "", "source": "", "sha256": found.sha256}
    backbone = load_backbone(found.folder, spec)
    path = next(iter(resolve_dataset("snippets").files.values()))
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    random, parts = np.random.default_rng(seed), {}
    cache = FeatureCache()
    for name in DOMAINS:
        own = [row for row in rows if row["domain"] == name and row["label"] in LABELS]
        own = [own[i] for i in random.permutation(len(own))[:most]]
        inputs = backbone.prepare([row["text"] for row in own])
        pooled = cache.features(backbone, inputs, backbone.spec.depth, keep_hidden=False).pooled()
        labels = np.array([LABELS.index(row["label"]) for row in own])
        parts[name] = Domain({layer: pooled[layer] for layer in LAYERS}, labels)
    cache.close()
    return parts, backbone.spec.width


def measure(most: int = ROWS, seeds: int = 3) -> None:
    """Each domain left out in turn, means over seeds."""
    runs: dict[str, dict[str, list[float]]] = {}
    with empty_cache():
        for seed in range(seeds):
            parts, width = domains(most, seed)
            for left in DOMAINS:
                source = _joined([parts[name] for name in DOMAINS if name != left])
                for name, value in reached(source, parts[left], width, seed).items():
                    runs.setdefault(name, {}).setdefault(left, []).append(round(value, 4))
    means = {
        name: {domain: round(float(np.mean(values)), 4) for domain, values in by_domain.items()}
        for name, by_domain in runs.items()
    }
    keep("generalise", {"rows a domain": most, "mean macro_f1": means, "runs": runs})


def reached(source: Domain, target: Domain, width: int, seed: int) -> dict[str, float]:
    """Macro-F1 on the target by method."""
    order = np.random.default_rng(seed).permutation(len(source.labels))
    held, kept = order[: len(order) // 10], order[len(order) // 10 :]
    train, validation = source.take(kept), source.take(held)
    model = solved(train, validation, width, seed)
    found = {
        name: _score(method(model, train, target.layers), target)
        for name, method in ON_MODEL.items()
    }
    for name, align in ON_FEATURES.items():
        aligned, there = align(source.layers, target.layers)
        moved = Domain(aligned, source.labels)
        again = solved(moved.take(kept), moved.take(held), width, seed)
        found[name] = _score(again.logits(there), target)
    return found


def _joined(parts: list[Domain]) -> Domain:
    layers = {n: torch.cat([part.layers[n] for part in parts]) for n in LAYERS}
    return Domain(layers, np.concatenate([part.labels for part in parts]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    measure(asked.rows, asked.seeds)
