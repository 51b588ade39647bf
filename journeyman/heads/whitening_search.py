"""Which layers a whitening head reads, and how far it shrinks: by people left out in turn.

Shapes: N rows, F features, A rows left out. What serves people the head has not learned is what is
wanted, so whole people are left out, and only pairs among those count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.errors import JourneymanError
from journeyman.evaluation.verification import Pairs, curve
from journeyman.heads.base import HeadShape, Layers, at_unit_scale

SHRINKAGES = (0.1, 0.3, 0.5, 0.7, 0.9)
USUAL = 0.5
"""The shrinkage where nothing can judge it."""
GROUPS = 10
"""Parts that people are dealt into, of which two are left out at a time."""
FEWEST = 6
"""People below which the rest says too little of those left out."""
ROWS = 1000
"""Rows that are compared at most: of whole people."""


@dataclass(frozen=True)
class Candidate:
    """Layers side by side, and how far the scatter is drawn towards a sphere."""

    layers: tuple[int, ...]
    shrinkage: float

    def to_json(self) -> dict[str, Any]:
        """As model.json holds it."""
        return {"layers": list(self.layers), "shrinkage": self.shrinkage}


@dataclass(frozen=True)
class Tried:
    """A candidate and how good it is; higher is better."""

    candidate: Candidate
    score: float
    pairs: Pairs | None = None

    @property
    def order(self) -> tuple[float, int, float]:
        """Better first; of equals, fewer layers and more shrinkage."""
        return self.score, -len(self.candidate.layers), self.candidate.shrinkage

    def to_json(self) -> dict[str, Any]:
        """As the report shows it."""
        return {**self.candidate.to_json(), "score": self.score}


def candidates(
    shape: HeadShape,
    present: Sequence[int],
    layers: Literal["auto"] | tuple[int, ...],
    shrinkage: Literal["auto"] | float,
    features: int,
) -> list[Candidate]:
    """What may be chosen of the layers `present`, of as many `features` at most.

    Raises JourneymanError where nothing may be.
    """
    sets = _layer_sets(present) if layers == "auto" else [tuple(sorted(set(layers)))]
    allowed = [each for each in sets if shape.stacked(each) <= features]
    shrinkages = SHRINKAGES if shrinkage == "auto" else (float(shrinkage),)
    if allowed:
        return [Candidate(each, value) for each in allowed for value in shrinkages]
    raise JourneymanError(
        "The layers' vectors are longer than the whitening head may take.",
        place="finetune.head.features",
        expected=f"at least {min(map(shape.stacked, sets))}",
        found=str(features),
        remedy="raise features, or name fewer layers",
    )


def _layer_sets(present: Sequence[int]) -> list[tuple[int, ...]]:
    """The last layer, the upper half without it, the upper two thirds so; of few layers, all."""
    every, last = tuple(present), tuple(present[-1:])
    inner = every[:-1]
    if len(every) < 4:
        return list(dict.fromkeys([last, every]))
    return [last, inner[len(every) // 2 - 1 :], inner[len(every) // 3 - 1 :]]


def left_out(
    train: Layers, targets: Tensor, found: Sequence[Candidate], seed: int, views: int = 0
) -> list[Tried]:
    """Each candidate with 1 less the equal error rate of people left out; none of too few people.

    Exact: for each part that is left out the scatter is that of the others alone. The last `views`
    rows are learned from and never judged.
    """
    people, rows = _people(targets, seed)
    groups = min(GROUPS, len(people))
    if len(people) < FEWEST:
        return []
    parts = [people[at::groups] for at in range(groups)]
    judged = rows < len(targets) - views
    given = targets.argmax(1).numpy()[rows]
    tried = []
    for layers in dict.fromkeys(each.layers for each in found):
        own = [each for each in found if each.layers == layers]
        some = {layer: train[layer][torch.from_numpy(rows)] for layer in layers}
        vectors = at_unit_scale(some, layers).double()
        compared = _compared(vectors, given, judged, parts, [each.shrinkage for each in own])
        for each, pairs in zip(own, compared, strict=True):
            tried.append(Tried(each, 1.0 - float(curve(pairs).equal_error[0]), pairs))
    return [] if any(np.isnan(each.score) for each in tried) else tried


def _people(targets: Tensor, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """People in an order of chance, as many as have `ROWS` rows together, and these rows."""
    given = targets.argmax(1).numpy()
    people = np.random.default_rng(seed).permutation(np.unique(given))
    sizes = np.array([(given == person).sum() for person in people])
    people = people[: max(int(np.searchsorted(np.cumsum(sizes), ROWS, side="right")), 2)]
    return people, np.flatnonzero(np.isin(given, people))


def _compared(
    vectors: Tensor,
    given: NDArray[np.int64],
    judged: NDArray[np.bool_],
    parts: Sequence[NDArray[np.int64]],
    shrinkages: Sequence[float],
) -> list[Pairs]:
    """Every pair of judged rows [N, F] once, for each shrinkage.

    Every two parts are left out together, for the pairs across them, and each part alone: so
    everyone is compared with everyone, and what is rare among pairs shows.
    """
    scores: list[list[NDArray[np.float64]]] = [[] for _ in shrinkages]
    ends: list[NDArray[np.int64]] = []
    place = np.zeros(len(given), dtype=np.int64)
    for at, part in enumerate(parts):
        place[np.isin(given, part)] = at
    products = vectors @ vectors.T
    for one, other in combinations_with_replacement(range(len(parts)), 2):
        away = (place == one) | (place == other)
        names, homes = given[away & judged], place[away & judged]
        first, second = np.triu_indices(len(names), 1)
        kept = (homes[first] == homes[second]) == (one == other)
        first, second = first[kept], second[kept]
        ends.append(np.stack([names[first], names[second]]))
        fold = _Fold.of(products, ~away, away & judged, given[~away], vectors.shape[1])
        for found, shrinkage in zip(scores, shrinkages, strict=True):
            found.append(fold.cosines(shrinkage).numpy()[first, second])
    people, codes = np.unique(np.concatenate(ends, axis=1), return_inverse=True)
    first, second = codes.reshape(2, -1)
    return [Pairs.of(np.concatenate(found), first, second, len(people)) for found in scores]


@dataclass(frozen=True)
class _Fold:
    """Rows held out [A], by products with each other and with what the L learned rows differ from
    their class means by; `about` [L, L] are products of the latter."""

    held: Tensor
    between: Tensor
    about: Tensor
    features: int
    degrees: int

    @classmethod
    def of(
        cls,
        products: Tensor,
        learned: NDArray[np.bool_],
        held: NDArray[np.bool_],
        names: NDArray[np.int64],
        features: int,
    ) -> _Fold:
        """From `products` [N, N] of all rows, which of them are learned and which held out."""
        own, away = (torch.from_numpy(np.flatnonzero(each)) for each in (learned, held))
        inner, across = products[own][:, own], products[away][:, own]
        offset = across.mean(1, keepdim=True)
        centred = products[away][:, away] - offset - offset.T + inner.mean()
        codes = torch.from_numpy(np.unique(names, return_inverse=True)[1].reshape(-1))
        members = torch.nn.functional.one_hot(codes).double()
        means = members / members.sum(0)

        def about(rows: Tensor) -> Tensor:
            return rows - rows @ means @ members.T

        between = about(across - inner.mean(0))
        degrees = max(len(own) - members.shape[1], 1)
        return cls(centred, between, about(about(inner).T), features, degrees)

    def cosines(self, shrinkage: float) -> Tensor:
        """[A, A] after the map that the learned rows' scatter makes, shrunk so far.

        By the inverse of a sphere changed in as many directions as there are rows (Woodbury, 1950).
        """
        spread = max(float(self.about.diagonal().sum()) / self.degrees / self.features, 1e-9)
        found = self.held
        if shrinkage < 1.0:
            system = self.about.clone()
            system.diagonal().add_(self.degrees * shrinkage * spread / (1.0 - shrinkage))
            half = torch.linalg.solve_triangular(
                torch.linalg.cholesky(system), self.between.T, upper=False
            )
            found = found - half.T @ half
        lengths = found.diagonal().clamp(min=1e-12).sqrt()
        return found / lengths[:, None] / lengths
