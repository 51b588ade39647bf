"""The learning curve: how good the head is with 8, 16, 32, ... labelled rows, from each start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array
from journeyman.transfer.features import StartFeatures
from journeyman.transfer.new_data import Indices, NewData
from journeyman.types import Metric

Answer = Callable[[StartFeatures, Indices], Sequence[Array]]
NORMAL = 1.959964
"""Standard errors from the middle to the end of a 95 % interval."""


@dataclass(frozen=True)
class Point:
    """`labels` labelled rows: the test metric's mean over draws with its interval, and each draw.

    The interval covers which rows were labelled and which were tested: the variance of the mean
    over draws, and that of the test rows, which all draws share.
    """

    labels: int
    metric: Metric
    draws: tuple[float, ...]


@dataclass(frozen=True)
class Curve:
    """The points of one start, by number of labels."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Draws:
    """How rows are drawn for a curve, and the metric it shows."""

    numbers: tuple[int, ...]
    draws: int
    seed: int
    metric: str


def sizes(data: NewData, smallest: int, largest: int | None) -> tuple[int, ...]:
    """Numbers of labelled rows: doubling from `smallest`, every class in each, to all there are."""
    most = min(len(data.rows), largest or len(data.rows))
    found = [smallest * 2**power for power in range(32)]
    return (*(size for size in found if data.classes <= size < most), most)


def learning_curves(
    starts: Sequence[StartFeatures],
    drawn: Draws,
    answer: Answer,
    *,
    suffix: str = "",
    reporter: Reporter = QUIET,
) -> list[Curve]:
    """One curve a start, on the same draws of the same sizes; larger ones hold the smaller.

    More than half of the rows are drawn once: further draws would be nearly the same rows.
    `answer` learns some rows from a start and gives the outputs of its test rows.
    """
    curves = []
    with reporter.bar("learning curves", len(starts) * len(drawn.numbers)) as advance:
        for start in starts:
            points = []
            for number in drawn.numbers:
                once = 2 * number > len(start.data.rows)
                draws = range(1 if once else drawn.draws)
                orders = [start.data.order(drawn.seed, draw) for draw in draws]
                outputs = [answer(start, np.sort(order[:number])) for order in orders]
                points.append(_point(start, number, outputs, drawn.metric))
                advance(1)
            curves.append(Curve(start.start.name + suffix, tuple(points)))
    return curves


def _point(
    start: StartFeatures, labels: int, answers: Sequence[Sequence[Array]], metric: str
) -> Point:
    """The test metric of each draw's outputs, put together."""
    task, schema, targets = start.data.task, start.data.schema, start.test.targets
    scores = [task.score(outputs, targets, schema, metric) for outputs in answers]
    names = [""] * len(targets)
    decoded = task.decode(answers[0], schema, {}, names, start.test.texts)
    whole = task.evaluate(decoded, targets, schema, texts=start.test.texts).metrics[metric]
    return Point(labels, _together(scores, whole), tuple(scores))


def _together(scores: Sequence[float], one: Metric) -> Metric:
    """The mean of the draws; `one` draw's interval tells what the test rows leave open."""
    mean = float(np.mean(scores))
    if one.low is None or one.high is None:
        return Metric(mean, n=one.n)
    tested = ((one.high - one.low) / (2 * NORMAL)) ** 2
    drawn = float(np.var(scores, ddof=1)) / len(scores) if len(scores) > 1 else 0.0
    half = NORMAL * (tested + drawn) ** 0.5
    return Metric(mean, mean - half, mean + half, one.n)
