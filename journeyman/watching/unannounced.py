"""Rows that nobody announced: another kind follows on the usual one; the watch has to see it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from journeyman.continual.update import Update
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.types import LabelPrediction, Row
from journeyman.watching.events import Event
from journeyman.watching.options import WatchOptions
from journeyman.watching.teacher import Teacher
from journeyman.watching.watch import Watch

USUAL = 600
"""Rows of the usual kind that come first, at most."""
CHUNK = 32
AFTER = 400
"""Rows that are still looked at once something was learned."""


@dataclass(frozen=True)
class Point:
    """How things were after so many rows: how near each detector was to an alarm, and the share of
    wrong answers among the rows since the last point, as estimated of late and as it was."""

    row: int
    strengths: Mapping[str, float]
    estimated: float | None
    wrong: float | None


@dataclass
class Episode:
    """What befell from the first usual row on; the other kind came after `usual` rows.

    `update` is None where nothing was learned; `rows` are those that were.
    """

    name: str
    usual: int
    points: list[Point] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    update: Update | None = None
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def delay(self) -> int | None:
        """Rows of the other kind until it was seen, to the end of a chunk; None if it was not."""
        seen = [event.row for event in self.events if event.kind == "alarm"]
        later = [row - self.usual for row in seen if row > self.usual]
        return later[0] if later else None


def unannounced(
    model: Model,
    teacher: Teacher,
    usual: Sequence[Row],
    rows: Sequence[Row],
    *,
    name: str,
    labels: int,
    seed: int = 0,
    cache: FeatureCache | None = None,
    reporter: Reporter = QUIET,
) -> tuple[Model, Episode]:
    """Let rows follow on usual ones without their labels; the model that served at the end.

    Labels that are asked for are those that the rows have: they stand for what a person would say.
    It ends a while after something was learned or refused, or with the rows.
    """
    began = time.perf_counter()
    order = np.random.default_rng(seed).permutation(len(usual))[:USUAL]
    stream = [*(usual[at] for at in order.tolist()), *rows]
    episode, wanted = Episode(name, len(order)), list[str]()
    watch = Watch(
        model,
        teacher,
        WatchOptions(ask=labels),
        asked=lambda queue: wanted.extend(one.id for one in queue),
        reporter=reporter,
        arrival=name,
        cache=cache,
    )
    ends = len(stream)
    own, answers = model.columns.id or "id", dict[str, Row]()
    for first in range(0, len(stream), CHUNK):
        part = stream[first : first + CHUNK]
        given: list[Row] = [{**answers[row_id], own: row_id} for row_id in wanted]
        watch.label(given)
        found = watch.step([_without_label(row, model) for row in part])
        answers.update(_answers(watch, part))
        episode.events += found
        episode.points.append(_point(watch, part, found))
        if (update := _update(found)) is not None:
            episode.update, episode.rows, ends = update, list(given), first + AFTER
        if first > ends:
            break
    episode.seconds = time.perf_counter() - began
    return watch.model, episode


def _without_label(row: Row, model: Model) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in model.columns.targets}


def _answers(watch: Watch, part: Sequence[Row]) -> dict[str, Row]:
    """The rows of a step by their ids."""
    return {} if watch.last is None else dict(zip(watch.last.ids, part, strict=True))


def _update(events: Sequence[Event]) -> Update | None:
    """The update that was made, if any was."""
    for event in events:
        if event.kind in ("learned", "refused") and "retention" in event.told:
            return Update.from_json(event.told)
    return None


def _point(watch: Watch, part: Sequence[Row], events: Sequence[Event]) -> Point:
    strengths = {name: each.strength for name, each in watch.detectors.items()}
    for event in events:
        if event.kind == "alarm":
            strengths |= event.told["detectors"]
    estimated = watch.estimate.now().value if watch.estimate.threshold.rows else None
    labels = [watch.sight.label_of(row) for row in part]
    answers = [] if watch.last is None else watch.last.predictions
    judged = [
        answer.label != label
        for answer, label in zip(answers, labels, strict=True)
        if label is not None and isinstance(answer, LabelPrediction)
    ]
    wrong = sum(judged) / len(judged) if judged else None
    return Point(watch.memory.rows, strengths, estimated, wrong)
