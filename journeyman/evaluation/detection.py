"""How well boxes are found: COCO's mean average precision, each class, and what is confused.

Lin et al. (2014), "Microsoft COCO: common objects in context". Intervals are over pictures, or
groups of them: boxes are matched once, and only what they add up to is drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from journeyman.evaluation.average_precision import average_precision, precision_curve
from journeyman.evaluation.box_matches import (
    AREAS,
    OVERLAPS,
    ClassMatches,
    Found,
    Truths,
    box_matches,
)
from journeyman.evaluation.box_verdicts import verdicts
from journeyman.evaluation.classification import Confusion
from journeyman.evaluation.fscore import ClassMetrics, class_columns, precision_recall_f1
from journeyman.evaluation.intervals import Array, Groups, Resampling, resampled_metrics
from journeyman.types import LabelledBox, Metric, ScoredBox

BACKGROUND = "background"
"""What an object that was missed was taken for, and what a spurious one is."""
DEFAULT_SCORE = 0.5
"""The score from which boxes count where none of them is right."""
_NAMES = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large", "recall_100")
_HALF, _THREE_QUARTERS = 0, 5
"""Places of .50 and .75 among the least overlaps."""
_WORK = 1_500_000_000
"""Numbers that all resamples together may take: a few seconds."""
_RESAMPLES = (100, 1000)


@dataclass(frozen=True)
class BoxClassMetrics(ClassMetrics):
    """One class: also its average precision. `support` are its true boxes.

    Precision, recall and F1 are of the boxes from the chosen score on, at an overlap of a half.
    """

    map: Metric
    map_50: Metric

    def to_json(self) -> dict[str, Any]:
        """The five metrics and the support as one JSON object."""
        more = {"map": self.map.to_json(), "map_50": self.map_50.to_json()}
        return {**super().to_json(), **more}


@dataclass(frozen=True)
class DetectionMetrics:
    """Every figure of found boxes.

    `metrics` by name; `curves` {label: precision at 101 levels of recall from 0 to 1, at an overlap
    of a half}; `confusion` of the boxes whose score is `threshold` or more, `background` being what
    is not there; `n` pictures.
    """

    metrics: dict[str, Metric]
    classes: dict[str, BoxClassMetrics]
    curves: dict[str, tuple[float, ...]]
    confusion: Confusion
    threshold: float
    n: int


def detection_score(found: Found, true: Truths, labels: Sequence[str], metric: str) -> float:
    """`map` or `map_50` without an interval, 0 where no box is true; for choosing on validation."""
    least = {"map": OVERLAPS, "map_50": OVERLAPS[:1]}[metric]
    names = _classes(true, labels)
    matches = box_matches(found, true, names, least=least, areas=("all",))
    once = np.ones((1, len(true)))
    precision = [average_precision(each, once)[0] for each in matches]
    score = _over(np.stack(precision, axis=1), (1, 2, 3))[0] if precision else 0.0
    return float(np.nan_to_num(score))


def best_threshold(found: Found, true: Truths, labels: Sequence[str]) -> float:
    """The score from which boxes are to count so that F1 over all classes is best.

    At an overlap of a half; 0.5 where no box is right at any score.
    """
    names = _classes(true, labels)
    return _best(box_matches(found, true, names, least=OVERLAPS[:1], areas=("all",)))


def detection_metrics(
    found: Found,
    true: Truths,
    labels: Sequence[str],
    *,
    groups: Groups | None = None,
    seed: int = 0,
    threshold: float | None = None,
) -> DetectionMetrics:
    """Every figure, from one matching and one set of resamples.

    `labels` are the classes in order; others among the true boxes follow them, and what was never
    found of them counts. `threshold` is the score from which boxes count in F1 and the confusion,
    by default the best here. Larger sets have fewer resamples, 100 to 1,000.
    """
    names = _classes(true, labels)
    matches = box_matches(found, true, names)
    chosen = _best(matches) if threshold is None else threshold
    counts = _counts(matches, chosen, len(true))

    def measure(weights: Array) -> Array:
        return _measures(matches, counts, weights)

    resampling = Resampling(_resamples(matches), seed)
    metrics = resampled_metrics(measure, len(true), groups=groups, resampling=resampling)
    return DetectionMetrics(
        dict(zip(_NAMES, metrics, strict=False)),
        _class_metrics(names, metrics[len(_NAMES) :], matches),
        {
            name: tuple(precision_curve(each).tolist())
            for name, each in zip(names, matches, strict=True)
            if each.truths[0].any()
        },
        box_confusion(found, true, names, chosen),
        chosen,
        len(true),
    )


def box_confusion(found: Found, true: Truths, names: Sequence[str], threshold: float) -> Confusion:
    """What is taken for what: true boxes against found ones whose score is `threshold` or more."""
    nothing = BACKGROUND
    while nothing in names:
        nothing = f"({nothing})"
    order = (*names, nothing)
    places = {name: place for place, name in enumerate(order)}
    counts = np.zeros((len(order), len(order)), dtype=np.int64)
    for boxes, truths in zip(found, true, strict=True):
        kept = [box for box in boxes if box.score >= threshold]
        for given, answered in _taken(kept, truths):
            counts[places[given or nothing], places[answered or nothing]] += 1
    return Confusion(order, tuple(tuple(row) for row in counts.tolist()))


def _taken(
    found: Sequence[ScoredBox], true: Sequence[LabelledBox]
) -> Iterator[tuple[str | None, str | None]]:
    """Labels of true boxes and of what was found in their place; None where there is none."""
    for verdict in verdicts(found, true):
        given = verdict.true.label if verdict.true else None
        answered = verdict.found.label if verdict.found else None
        if verdict.kind == "wrong bounds":
            yield given, None
        matched = verdict.kind in ("correct", "wrong label", "missed")
        yield (given if matched else None), answered


def _classes(true: Truths, labels: Sequence[str]) -> tuple[str, ...]:
    """`labels`, and those of true boxes that are not among them."""
    strange = {box.label for row in true for box in row} - set(labels)
    return (*labels, *sorted(strange))


def _measures(matches: Sequence[ClassMatches], counts: csr_array, weights: Array) -> Array:
    """[B, 7 + 5C]: overall figures, then of all classes precision, recall, F1, map and map_50."""
    if not matches:
        return np.full((len(weights), len(_NAMES)), np.nan)
    read = [average_precision(each, weights) for each in matches]
    precision = np.stack([each for each, _ in read], axis=-1)
    recall = np.stack([each for _, each in read], axis=-1)
    whole = precision[:, 0]
    overall = [
        _over(whole, (1, 2)),
        _over(whole[:, _HALF], (1,)),
        _over(whole[:, _THREE_QUARTERS], (1,)),
        *(_over(precision[:, area], (1, 2)) for area in range(1, len(AREAS))),
        _over(recall[:, 0], (1, 2)),
    ]
    sums = np.asarray(weights @ counts, dtype=np.float64)
    scores = precision_recall_f1(*class_columns(sums))
    return np.concatenate(
        [np.stack(overall, axis=1), *scores, whole.mean(axis=1), whole[:, _HALF]], axis=1
    )


def _over(values: Array, axes: tuple[int, ...]) -> Array:
    """[B]: the mean over these axes of what is not NaN."""
    there = np.isfinite(values)
    count = there.sum(axis=axes)
    total: Array = np.where(there, values, 0).sum(axis=axes)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _counts(matches: Sequence[ClassMatches], threshold: float, pictures: int) -> csr_array:
    """Additive statistics [I, 3C]: hits, found and true boxes of each class, from a score on."""
    columns: list[list[Array]] = [[], [], []]
    for each in matches:
        kept = each.scores >= threshold
        counted = kept & ~each.ignored[0, _HALF]
        for part, which in enumerate((kept & each.hit[0, _HALF], counted)):
            rows = np.bincount(each.pictures[which], minlength=pictures)
            columns[part].append(rows.astype(np.float64))
        columns[2].append(each.truths[0])
    joined = [column for part in columns for column in part]
    return csr_array(np.array(joined).reshape(len(joined), pictures).T)


def _best(matches: Sequence[ClassMatches]) -> float:
    scores = np.concatenate([np.empty(0), *(each.scores for each in matches)])
    hits, out = (
        np.concatenate(
            [np.empty(0, dtype=bool), *(getattr(each, name)[0, _HALF] for each in matches)]
        )
        for name in ("hit", "ignored")
    )
    order = np.argsort(-scores, kind="stable")
    scores, hits, counted = scores[order], hits[order], ~out[order]
    if not hits.any():
        return DEFAULT_SCORE
    truths = sum(float(each.truths[0].sum()) for each in matches)
    f1 = 2 * hits.cumsum() / (counted.cumsum() + truths)
    # All of one score count or none of them.
    last = np.append(scores[1:] != scores[:-1], True)
    return float(scores[int(np.where(last, f1, -1).argmax())])


def _class_metrics(
    names: Sequence[str], metrics: Sequence[Metric], matches: Sequence[ClassMatches]
) -> dict[str, BoxClassMetrics]:
    """Per-class entries from 5C metrics: all precisions, then all recalls and so on."""
    entries = {}
    for at, (name, each) in enumerate(zip(names, matches, strict=True)):
        support = int(each.truths[0].sum())
        precision, recall, f1, mean, half = (
            replace(metric, n=support) for metric in metrics[at :: len(names)]
        )
        entries[name] = BoxClassMetrics(precision, recall, f1, support, mean, half)
    return entries


def _resamples(matches: Sequence[ClassMatches]) -> int:
    """As many as may be had in the time."""
    work = sum(each.hit.shape[2] * 2 * len(AREAS) + 12 * int(each.hit.sum()) for each in matches)
    return int(np.clip(_WORK // max(work, 1), *_RESAMPLES))
