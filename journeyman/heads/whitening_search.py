"""Which layers a whitening head reads, and how far it shrinks: by people left out in turn.

Shapes: N rows, F features, A rows left out. What serves people the head has not learned is what is
wanted, so whole people are left out, and only pairs among those count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeyman.evaluation.verification import Pairs, curve
from journeyman.heads.base import HeadShape, Layers

SHRINKAGES = (0.1, 0.3, 0.5, 0.7, 0.9)
USUAL = 0.5
"""The shrinkage where nothing can judge it."""
GROUPS = 10
"""Parts that people are dealt into, of which two are left out at a time, to choose by."""
FINE = 20
"""Parts they are dealt into to tell of the chosen, once: a head that lacks fewer of them finds
strangers as little alike as the one that has them all."""
FEWEST = 6
"""People below which the rest says too little of those left out."""
ROWS = 1000
"""Rows that are compared at most: of whole people."""


@dataclass(frozen=True)
class Candidate:
    """Layers side by side, how far the scatter is drawn towards a sphere, and whether by cells."""

    layers: tuple[int, ...]
    shrinkage: float
    cells: bool = False

    def to_json(self) -> dict[str, Any]:
        """As model.json holds it."""
        return {"layers": list(self.layers), "shrinkage": self.shrinkage, "cells": self.cells}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Candidate:
        """Read what `to_json` wrote."""
        layers = tuple(int(layer) for layer in saved["layers"])
        return cls(layers, float(saved["shrinkage"]), bool(saved.get("cells", False)))


@dataclass(frozen=True)
class Tried:
    """A candidate and how good it is; higher is better."""

    candidate: Candidate
    score: float

    @property
    def order(self) -> tuple[float, bool, int, float]:
        """Better first; of equals, no cells, fewer layers and more shrinkage."""
        chosen = self.candidate
        return self.score, not chosen.cells, -len(chosen.layers), chosen.shrinkage

    def to_json(self) -> dict[str, Any]:
        """As the report shows it."""
        return {**self.candidate.to_json(), "score": self.score}


def candidates(
    shape: HeadShape,
    present: Sequence[int],
    layers: Literal["auto"] | tuple[int, ...],
    shrinkage: Literal["auto"] | float,
    cells: Literal["auto"] | bool = "auto",
) -> list[Candidate]:
    """What may be chosen of the layers `present`."""
    sets = _layer_sets(present) if layers == "auto" else [tuple(sorted(set(layers)))]
    shrinkages = SHRINKAGES if shrinkage == "auto" else (float(shrinkage),)
    found = []
    for each in sets:
        celled = any(shape.cells_of(layer) > 1 for layer in each)
        asked = [False, True] if cells == "auto" else [cells]
        ways = asked if celled else [False]
        found += [Candidate(each, value, way) for way in ways for value in shrinkages]
    return found


def _layer_sets(present: Sequence[int]) -> list[tuple[int, ...]]:
    """The last layer, the upper half without it, the upper two thirds so; of few layers, all."""
    every, last = tuple(present), tuple(present[-1:])
    inner = every[:-1]
    if len(every) < 4:
        return list(dict.fromkeys([last, every]))
    return [last, inner[len(every) // 2 - 1 :], inner[len(every) // 3 - 1 :]]


See = Callable[[Candidate], Callable[[Layers], Tensor]]
"""From a candidate to what it makes of rows' layers: vectors [N, F]."""


class LeftOut:
    """Training rows of people who are left out in turn, all judged by heads that lack them.

    The last `views` rows are learned from and never judged. Exact: for each part that is left out
    the scatter is that of the others alone.
    """

    def __init__(self, targets: Tensor, seed: int, views: int = 0) -> None:
        self.people, self.rows = _people(targets, seed)
        self.judged = self.rows < len(targets) - views
        self.given = targets.argmax(1).numpy()[self.rows]

    def tried(self, train: Layers, found: Sequence[Candidate], see: See) -> list[Tried]:
        """Each candidate with 1 less the equal error rate; none of too few people."""
        if len(self.people) < FEWEST:
            return []
        tried = []
        for layers, cells in dict.fromkeys((each.layers, each.cells) for each in found):
            own = [each for each in found if (each.layers, each.cells) == (layers, cells)]
            compared = self._compared(train, own, see, GROUPS)
            for each, pairs in zip(own, compared, strict=True):
                tried.append(Tried(each, 1.0 - float(curve(pairs).equal_error[0])))
        return [] if any(np.isnan(each.score) for each in tried) else tried

    def pairs(self, train: Layers, chosen: Candidate, see: See) -> Pairs | None:
        """Every pair of judged rows, by heads that lack as few people as can be."""
        if len(self.people) < FEWEST:
            return None
        return self._compared(train, [chosen], see, FINE)[0]

    def _compared(
        self, train: Layers, own: Sequence[Candidate], see: See, groups: int
    ) -> list[Pairs]:
        """Pairs for each of these candidates, which differ in how far they shrink alone."""
        rows = torch.from_numpy(self.rows)
        some = {layer: train[layer][rows] for layer in own[0].layers}
        count = min(groups, len(self.people))
        parts = [self.people[at::count] for at in range(count)]
        vectors, shrinkages = see(own[0])(some).double(), [each.shrinkage for each in own]
        return _compared(vectors, self.given, self.judged, parts, shrinkages)


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
