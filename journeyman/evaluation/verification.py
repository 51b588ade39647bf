"""How well vectors tell people apart: every pair of rows is one person's or two people's.

Shapes: N rows, E numbers a vector, P pairs, S people, B resamples. A pair is accepted where the
cosine of its vectors reaches a threshold. Resamples draw people, not pairs, since pairs that share
a person are not independent (Bolle, Ratha and Pankanti, 2004, "Error analysis of pattern
recognition systems: the subsets bootstrap"): a pair of two people counts as often as both were
drawn, a pair of one person as often as that person was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.intervals import (
    DEFAULT_RESAMPLING,
    Array,
    Resampling,
    ratio,
    resampled_metrics,
)
from journeyman.types import Metric

RATES = {"true_accept_at_1e-2": 1e-2, "true_accept_at_1e-3": 1e-3}
"""Metrics that are the share of true pairs accepted where so many false ones are."""
MOST_ROWS = 2000
"""Rows compared at most; of more, whole people are drawn."""
MOST_PAIRS = 50_000
"""Pairs of two people at most; of more, some are drawn."""
ENROLLED = 5
"""Pictures of a person that the others are identified by, at most; and at most half of them."""
_BLOCK = 4_000_000

Vectors = NDArray[Any]
Names = Sequence[str]


@dataclass(frozen=True)
class Pairs:
    """P pairs, the most alike first: whether each is `same`, and the codes of its two people."""

    scores: Array
    same: NDArray[np.bool_]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    people: int

    @classmethod
    def of(
        cls, scores: Array, first: NDArray[np.int64], second: NDArray[np.int64], people: int
    ) -> Pairs:
        """Pairs [P] in any order, by the codes of their people."""
        order = np.argsort(-scores, kind="stable")
        one, two = first[order].astype(np.intp), second[order].astype(np.intp)
        return cls(scores[order], one == two, one, two, people)

    @property
    def impostors(self) -> Array:
        """Scores of the pairs of two people."""
        return self.scores[~self.same]

    @property
    def genuine(self) -> Array:
        """Scores of the pairs of one person."""
        return self.scores[self.same]

    def weights(self, counts: Array) -> Array:
        """[B, P] how often each pair counts where people were drawn `counts` [B, S] times."""
        one = counts[:, self.first]
        weights: Array = np.where(self.same, one, one * counts[:, self.second])
        return weights


@dataclass(frozen=True)
class Curve:
    """Shares of pairs accepted at falling thresholds [B, T]: false ones and true ones, from 0."""

    false: Array
    true: Array

    @property
    def equal_error(self) -> Array:
        """[B] the rate at which as many true pairs are rejected as false ones are accepted."""
        gap = self.false - (1.0 - self.true)
        after = np.argmax(gap >= 0, axis=1)
        row = np.arange(len(gap))
        before = np.maximum(after - 1, 0)
        rise = gap[row, after] - gap[row, before]
        part = ratio(-gap[row, before], rise)
        step = self.false[row, after] - self.false[row, before]
        rate: Array = self.false[row, before] + part * step
        return rate

    @property
    def area(self) -> Array:
        """[B] area under the curve: how often a true pair is more alike than a false one."""
        steps, heights = np.diff(self.false, axis=1), (self.true[:, 1:] + self.true[:, :-1]) / 2
        area: Array = (steps * heights).sum(axis=1)
        return area

    def true_at(self, rate: float) -> Array:
        """[B] the most true pairs accepted with at most `rate` of the false ones."""
        best: Array = np.where(self.false <= rate, self.true, 0.0).max(axis=1)
        return best


def pairs_of(vectors: Vectors, people: Names) -> Pairs:
    """Every pair of rows [N, E], or a seeded part of them where there are many."""
    names = {name: at for at, name in enumerate(dict.fromkeys(people))}
    codes = np.fromiter((names[name] for name in people), np.intp, len(people))
    kept = _some_rows(codes, len(names))
    unit, own = unit_rows(np.asarray(vectors)[kept]) if len(kept) else np.zeros((0, 1)), codes[kept]
    first, second = np.triu_indices(len(own), 1)
    same = own[first] == own[second]
    apart = np.flatnonzero(~same)
    if len(apart) > MOST_PAIRS:
        drawn = np.random.default_rng(0).choice(apart, MOST_PAIRS, replace=False)
        wanted = np.sort(np.r_[np.flatnonzero(same), drawn])
        first, second, same = first[wanted], second[wanted], same[wanted]
    scores = (unit @ unit.T)[first, second].astype(np.float64)
    return Pairs.of(scores, own[first], own[second], len(names))


def unit_rows(vectors: Vectors) -> Array:
    """[N, E] each row at length 1; a row of noughts stays."""
    exact = np.asarray(vectors, dtype=np.float64)
    unit: Array = exact / np.maximum(np.linalg.norm(exact, axis=-1, keepdims=True), 1e-12)
    return unit


def curve(pairs: Pairs, counts: Array | None = None) -> Curve:
    """The receiver operating characteristic, of people drawn `counts` [B, S] times (all once).

    Shares of no pairs at all are NaN.
    """
    weights = pairs.weights(np.ones((1, pairs.people)) if counts is None else counts)
    ends = np.flatnonzero(np.r_[pairs.scores[1:] != pairs.scores[:-1], True])
    ends = ends[: len(pairs.scores)]

    def share(which: NDArray[np.bool_]) -> Array:
        summed = np.cumsum(weights * which, axis=1)[:, ends]
        whole = summed[:, -1:] if summed.shape[1] else np.zeros((len(weights), 1))
        start = ratio(np.zeros_like(whole), whole)
        return np.concatenate([start, ratio(summed, np.broadcast_to(whole, summed.shape))], axis=1)

    return Curve(share(~pairs.same), share(pairs.same))


def roc_points(pairs: Pairs, points: int = 100) -> list[dict[str, float]]:
    """The curve for a chart: shares of false and of true pairs accepted, `points` at most."""
    whole = curve(pairs)
    false, true = whole.false[0], whole.true[0]
    if not np.isfinite(false).all() or not np.isfinite(true).all():
        return []
    grid: list[float] = [0.0, *np.logspace(-4, 0, points - 1).tolist()]
    places: list[int] = (np.searchsorted(false, grid, side="right") - 1).tolist()
    return [
        {"false_accepts": rate, "true_accepts": float(true[place])}
        for rate, place in zip(grid, places, strict=True)
    ]


def verification_metrics(
    vectors: Vectors,
    people: Names,
    *,
    threshold: float | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> dict[str, Metric]:
    """Every figure with its interval over people; two more where a `threshold` decides.

    `false_accepts` are the pairs of two people that reach the threshold, `false_rejects` the pairs
    of one that do not.
    """
    pairs = pairs_of(vectors, people)
    met, owner = identified(vectors, people)
    names = ["equal_error_rate", *RATES, "auc", "rank_1"]
    names += [] if threshold is None else ["false_accepts", "false_rejects"]

    def measure(counts: Array) -> Array:
        size = max(1, _BLOCK // max(len(pairs.scores), 1))
        parts = [_measured(pairs, counts[at : at + size]) for at in range(0, len(counts), size)]
        columns = [np.concatenate(parts), _rank(met, owner, counts)[:, None]]
        if threshold is not None:
            columns.append(_decided(pairs, counts, threshold))
        return np.concatenate(columns, axis=1)

    found = resampled_metrics(measure, pairs.people, resampling=resampling)
    return {n: replace(m, n=len(people)) for n, m in zip(names, found, strict=True)}


def verification_score(vectors: Vectors, people: Names, metric: str) -> float:
    """One figure without an interval; 0 where it cannot be told."""
    if metric == "rank_1":
        met, owner = identified(vectors, people)
        ones = np.ones((1, int(owner.max(initial=-1)) + 1))
        value = float(_rank(met, owner, ones)[0])
    else:
        whole = curve(pairs_of(vectors, people))
        value = float((whole.area if metric == "auc" else whole.true_at(RATES[metric]))[0])
    return value if np.isfinite(value) else 0.0


def identified(
    vectors: Vectors, people: Names, enrolled: int = ENROLLED
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Whether each row asked about is taken for its own person, and the code of that person.

    A person's first rows are enrolled (`enrolled` at most, and at most half); the others are asked
    about, and go to the person whose enrolled rows they are most like, in the mean.
    """
    names = {name: at for at, name in enumerate(dict.fromkeys(people))}
    codes = np.fromiter((names[name] for name in people), np.intp, len(people))
    unit = unit_rows(vectors) if len(codes) else np.zeros((0, 1))
    means, known, asked = [], [], []
    for code in range(len(names)):
        rows = np.flatnonzero(codes == code)
        taken = min(enrolled, len(rows) // 2)
        if taken:
            means.append(unit[rows[:taken]].mean(axis=0))
            known.append(code)
            asked.append(rows[taken:])
    if len(known) < 2:
        return np.empty(0, dtype=bool), np.empty(0, dtype=np.intp)
    rows = np.concatenate(asked)
    best = np.array(known)[(unit[rows] @ np.stack(means).T).argmax(axis=1)]
    return best == codes[rows], codes[rows]


def _some_rows(codes: NDArray[np.intp], people: int) -> NDArray[np.intp]:
    """Every row, or those of people drawn until there are enough."""
    if len(codes) <= MOST_ROWS:
        return np.arange(len(codes))
    order = np.random.default_rng(0).permutation(people)
    sizes = np.bincount(codes, minlength=people)[order]
    drawn = order[: max(int(np.searchsorted(np.cumsum(sizes), MOST_ROWS, side="right")), 2)]
    return np.flatnonzero(np.isin(codes, drawn))


def _measured(pairs: Pairs, counts: Array) -> Array:
    """[B, 4]: equal error rate, true accepts at each rate, area."""
    found = curve(pairs, counts)
    missing = ~(np.isfinite(found.false[:, -1]) & np.isfinite(found.true[:, -1]))
    values = [found.equal_error, *(found.true_at(rate) for rate in RATES.values()), found.area]
    columns: Array = np.stack(values, axis=1)
    columns[missing] = np.nan
    return columns


def _rank(met: NDArray[np.bool_], owner: NDArray[np.intp], counts: Array) -> Array:
    weights = counts[:, owner]
    return ratio((weights * met).sum(axis=1), weights.sum(axis=1))


def _decided(pairs: Pairs, counts: Array, threshold: float) -> Array:
    """[B, 2]: shares of false pairs accepted and of true pairs rejected."""
    passed = pairs.scores >= threshold
    columns = []
    for which, wrong in ((~pairs.same, passed), (pairs.same, ~passed)):
        own = np.flatnonzero(which)
        part = replace(
            pairs,
            scores=pairs.scores[own], same=pairs.same[own], first=pairs.first[own],
            second=pairs.second[own],
        )  # fmt: skip
        columns.append(_share(part, counts, wrong[own]))
    return np.stack(columns, axis=1)


def _share(pairs: Pairs, counts: Array, wrong: NDArray[np.bool_]) -> Array:
    size = max(1, _BLOCK // max(len(wrong), 1))
    parts = []
    for at in range(0, len(counts), size):
        weights = pairs.weights(counts[at : at + size])
        parts.append(ratio(weights @ wrong, weights.sum(axis=1)))
    return np.concatenate(parts)
