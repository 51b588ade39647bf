"""Whether a row belongs to any of the classes a model knows, and where the line is drawn.

A row is strange where the model's largest output is less than rows of that class usually get, and
where no row that was learned from is like it. The two are put on one scale by known rows that were
left out, and added. Outputs alone: Hendrycks and Gimpel (2017), "A baseline for detecting
misclassified and out-of-distribution examples", and Vaze et al. (2022), "Open-set recognition: a
good closed-set classifier is all you need". The nearest learned row: Sun et al. (2022),
"Out-of-distribution detection with deep nearest neighbors". The line is that of split conformal
prediction: Vovk, Gammerman and Shafer (2005), "Algorithmic learning in a random world".

Shapes: N rows, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.calibration import probabilities
from journeyman.evaluation.intervals import Array, Groups, ratio, resampled_metrics
from journeyman.types import LabelPrediction, Metric, Prediction

ScopeMethod = Literal["auto", "output", "probability"]
NEAREST = 0.7
"""Weight of the nearest learned row beside the outputs: more gains where classes are close, and
loses where they are far apart."""
STEADY = 5
"""Rows of all classes together that the usual output of each class is steadied by."""


@dataclass(frozen=True)
class Gauge:
    """Puts numbers on the scale of known rows: how many deviations above their mean."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Array) -> Gauge:
        """From known rows; numbers that do not differ are left as they are."""
        deviation = float(values.std())
        return cls(float(values.mean()), deviation if deviation > 1e-6 else 1.0)

    def __call__(self, values: Array) -> Array:
        """Values [N] on that scale."""
        scaled: Array = (values - self.mean) / self.deviation
        return scaled


@dataclass(frozen=True)
class Scope:
    """A score for each row, below 0 where it is out of scope, and how it was calibrated.

    `usual` says what output rows of each class get, `others` what those of a class without
    calibration rows. `threshold` is of scores before it is taken off; None where `rows` are too few
    to draw a line for such a `recall`.
    """

    method: ScopeMethod
    recall: float
    rows: int
    threshold: float | None
    temperature: float
    usual: Mapping[str, float]
    others: float
    output: Gauge
    nearest: Gauge | None

    @classmethod
    def calibrated(
        cls,
        method: ScopeMethod,
        recall: float,
        outputs: Array,
        truths: NDArray[np.intp],
        labels: Sequence[str],
        *,
        temperature: float = 1.0,
        nearest: Array | None = None,
    ) -> Scope:
        """By outputs [N, C] to rows that were left out, and how near each is to a learned row [N].

        `truths` [N] are the rows' classes; `nearest` is None where a head keeps no rows. Needs one
        row or more.
        """
        own = outputs[np.arange(len(truths)), truths]
        others = float(own.mean())
        counts = np.bincount(truths, minlength=len(labels)) + STEADY
        sums = np.bincount(truths, weights=own, minlength=len(labels)) + STEADY * others
        usual = dict(zip(labels, (sums / counts).tolist(), strict=True))
        if method != "auto":
            nearest = None
        plain = Gauge(0.0, 1.0)
        near = None if nearest is None else Gauge.of(nearest)
        rows = len(truths)
        drawn = cls(method, recall, rows, None, temperature, usual, others, plain, near)
        if method != "probability":
            drawn = replace(drawn, output=Gauge.of(drawn._above_usual(outputs, labels)))
        return replace(drawn, threshold=line(drawn._scores(outputs, labels, nearest), recall))

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Scope:
        """Read what `to_json` wrote."""
        near = saved["nearest"]
        gauges = {
            "output": Gauge(**saved["output"]),
            "nearest": None if near is None else Gauge(**near),
        }
        return cls(**{**saved, **gauges})

    def to_json(self) -> dict[str, Any]:
        """As calibration.json holds it."""
        return {**asdict(self), "usual": dict(self.usual)}

    def scores(self, outputs: Array, labels: Sequence[str], nearest: Array | None) -> Array | None:
        """[N]: below 0 where a row is out of scope; None where no line was drawn, or `nearest` is
        not at hand and needed."""
        if self.threshold is None or (self.nearest is not None and nearest is None):
            return None
        return self._scores(outputs, labels, nearest) - self.threshold

    def of_labels(self, labels: Sequence[str]) -> Scope:
        """The same, without what it says of other classes."""
        return replace(self, usual={n: v for n, v in self.usual.items() if n in set(labels)})

    def _scores(self, outputs: Array, labels: Sequence[str], nearest: Array | None) -> Array:
        if self.method == "probability":
            top: Array = probabilities(outputs, self.temperature).max(axis=1)
            return top
        score = self.output(self._above_usual(outputs, labels))
        if self.nearest is not None and nearest is not None:
            score = score + NEAREST * self.nearest(nearest)
        return score

    def _above_usual(self, outputs: Array, labels: Sequence[str]) -> Array:
        usual = np.array([self.usual.get(label, self.others) for label in labels])
        above: Array = outputs.max(axis=1) - usual[outputs.argmax(axis=1)]
        return above


def fewest_rows(recall: float) -> int:
    """Calibration rows from which a line can be drawn that keeps this share of known rows."""
    return math.ceil(round(1 / (1 - recall), 6)) - 1


def line(scores: Array, recall: float) -> float | None:
    """The score that a new known row reaches with a chance of `recall` or more; None of too few."""
    place = math.floor(round((len(scores) + 1) * (1 - recall), 6))
    return float(np.sort(scores)[place - 1]) if place >= 1 else None


def marked(
    answers: Sequence[Prediction],
    outputs: Sequence[NDArray[np.float32]],
    labels: Sequence[str],
    nearest: NDArray[np.float32] | None,
    calibration: Mapping[str, Any],
) -> list[Prediction]:
    """The answers, each with its score, those out of scope abstaining for that reason.

    They stay as they are where the calibration says nothing of scope.
    """
    if "scope" not in calibration or not len(outputs):
        return list(answers)
    near = None if nearest is None else nearest.astype(np.float64)
    scope = Scope.from_json(calibration["scope"])
    scores = scope.scores(np.stack(outputs).astype(np.float64), labels, near)
    if scores is None:
        return list(answers)
    return [
        _marked(answer, score) if isinstance(answer, LabelPrediction) else answer
        for answer, score in zip(answers, scores.tolist(), strict=True)
    ]


def _marked(answer: LabelPrediction, score: float) -> LabelPrediction:
    if score >= 0:
        return replace(answer, scope=score)
    return replace(answer, scope=score, abstained=True, reason="out_of_scope")


def scope_metrics(
    scores: Sequence[float], known: Sequence[bool], *, groups: Groups | None = None
) -> dict[str, Metric]:
    """What scores say of rows of which some are of classes the model knows: how many of these are
    kept, how many of the others are found out, and how well scores tell the two apart.

    `scope_auroc` is the chance that a known row scores above an unknown one; the last two are left
    out where every row is known, the first where none is.
    """
    score, inside = np.asarray(scores, dtype=np.float64), np.asarray(known, dtype=bool)
    kept = np.where(inside, score >= 0, score < 0).astype(np.float64)
    order = np.argsort(score, kind="stable")
    _, place = np.unique(score[order], return_inverse=True)
    starts = np.flatnonzero(np.r_[True, np.diff(place) > 0])

    def measure(weights: Array) -> Array:
        in_, out = weights * inside, weights * ~inside
        known_at, unknown_at = (
            np.add.reduceat(part[:, order], starts, axis=1) for part in (in_, out)
        )
        below = np.cumsum(unknown_at, axis=1) - unknown_at / 2
        pairs = (known_at * below).sum(axis=1)
        sums = in_.sum(axis=1), out.sum(axis=1)
        return np.stack(
            [
                ratio((in_ * kept).sum(axis=1), sums[0]),
                ratio((out * kept).sum(axis=1), sums[1]),
                ratio(pairs, sums[0] * sums[1]),
            ],
            axis=1,
        )

    if not len(score):
        return {}
    found = resampled_metrics(measure, len(score), groups=groups)
    counts = int(inside.sum()), int((~inside).sum()), len(score)
    named = zip(("known_recall", "unknown_recall", "scope_auroc"), found, counts, strict=True)
    return {name: replace(each, n=n) for name, each, n in named if each.value is not None}
