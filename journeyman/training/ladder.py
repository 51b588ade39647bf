"""`tuner: auto`: more and more tuning, as long as it pays on validation rows and time is left.

The rungs (`training/rungs/`) stand on floors of rising cost. The first that is permitted is where
the climb starts. Every other must gain more on the one kept so far than noise would (`gain.py`);
when no rung of a floor does, the climb ends. A rung that would not be done within the budget, by
the seconds that the rungs before it took, is not begun.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from journeyman.backbones.base import Backbone
from journeyman.errors import JourneymanError, ResourceError
from journeyman.files import write_text
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Schema, Task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.costs import Costs
from journeyman.training.examples import Examples
from journeyman.training.folds import crossed
from journeyman.training.gain import gain
from journeyman.training.kept import read_trained, write_trained
from journeyman.training.options import FinetuneOptions
from journeyman.training.rungs.base import Rung, Situation, rungs
from journeyman.training.trackers import Named, Tracker
from journeyman.training.trainer import Trained, finetune

FILE = "ladder.json"


@dataclass(frozen=True)
class Attempt:
    """What came of a rung: `score`, `gain` and its standard `error` where it was trained.

    `why` says what was decided, `unbegun` that time did; `predicted` and `seconds` are by the
    clock.
    """

    rung: str
    floor: int
    why: str
    cut: int | None = None
    score: float | None = None
    gain: float | None = None
    error: float | None = None
    pays: bool = False
    unbegun: bool = False
    predicted: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Climb:
    """The rung that is kept, trained; every attempt; why the climb ended, and what the clock
    decided (nothing when empty)."""

    trained: Trained
    options: FinetuneOptions
    kept: str
    attempts: tuple[Attempt, ...]
    stopped: str
    clock: str = ""


@dataclass
class _Standing:
    """How far a climb has come; what a killed one goes on from."""

    attempts: list[Attempt] = field(default_factory=list)
    kept: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    clock: str = ""
    spent: float = 0.0


def climb(
    task: Task,
    backbone: Backbone,
    schema: Schema,
    train: Examples,
    validation: Examples,
    options: FinetuneOptions,
    *,
    seed: int,
    cache: FeatureCache,
    folder: Path | None = None,
    folds: int = 0,
    tracker: Tracker | None = None,
    reporter: Reporter = QUIET,
) -> Climb:
    """Climb the ladder for `options` whose tuner is auto.

    With a `folder` each rung is kept there when it is done, and a climb that was killed goes on at
    the rung, and the epoch, where it stopped. Without a budget the same call gives the same bytes.
    With `folds` the validation rows are the first of `train`, each judged by a learner that has
    not seen it (`folds.py`); then a killed climb goes on at the rung.
    """
    situation = Situation(task, backbone, schema, options, len(train), len(validation))
    climber = _Climber(situation, train, validation, seed, cache, folder, tracker, reporter, folds)
    stopped = climber.climb()
    standing = climber.standing
    if climber.trained is None:
        raise JourneymanError(
            "No way of tuning suits this task and backbone.",
            place="finetune.tuner",
            expected="a rung of `tuner: auto` that is permitted",
            found="; ".join(f"{one.rung}: {one.why}" for one in standing.attempts),
            remedy="name a tuner",
        )
    chosen = FinetuneOptions.model_validate(standing.options)
    found = climber.trained, chosen, standing.kept, tuple(standing.attempts)
    return Climb(*found, stopped, standing.clock)


def rung_options(rung: Rung, situation: Situation) -> FinetuneOptions:
    """The recipe's options with the rung's changes, where the recipe has left a default."""
    options, fields = situation.options, FinetuneOptions.model_fields
    free = {n for n, known in fields.items() if getattr(options, n) == known.get_default()}
    values = options.model_dump(mode="json", exclude={"tuner", "cut", "budget"})
    for name, value in rung.changes(situation).items():
        if name in ("tuner", "cut") or name in free:
            values[name] = value
    return FinetuneOptions.model_validate(values)


class _Climber:
    """One climb: its standing, and the trained learner that is kept so far."""

    def __init__(
        self,
        situation: Situation,
        train: Examples,
        validation: Examples,
        seed: int,
        cache: FeatureCache,
        folder: Path | None,
        tracker: Tracker | None,
        reporter: Reporter,
        folds: int = 0,
    ) -> None:
        self.situation, self.train, self.validation = situation, train, validation
        self.seed, self.cache, self.folder = seed, cache, folder
        self.folds, self.tracker, self.reporter = folds, tracker, reporter
        self.metric = situation.options.metric or situation.task.primary_metric
        self.budget = situation.options.budget
        self.standing = self._stood()
        self.trained = self._kept()
        self.before = self.standing.spent
        self.started = time.perf_counter()

    def climb(self) -> str:
        """Go up floor by floor; gives why it ended."""
        for _, floor in groupby(rungs(), key=lambda rung: rung.floor):
            names = [rung.name for rung in self._tried(floor)]
            made = [one for one in self.standing.attempts if one.rung in names]
            judged = [one for one in made if one.score is not None]
            unpaid = judged and not any(one.pays for one in judged)
            if self._is_over() or (not judged and any(one.unbegun for one in made)):
                return self.standing.clock
            if unpaid:
                known = f"the gain of {judged[-1].rung} is within its error"
                return f"{' and '.join(one.rung for one in judged)} did not pay: {known}"
        return "there is no further rung"

    def _tried(self, floor: Iterator[Rung]) -> Iterator[Rung]:
        """Try the rungs of a floor that were not tried before."""
        done = {one.rung for one in self.standing.attempts}
        for rung in floor:
            if rung.name not in done and not self._is_over():
                self._keep(self._attempt(rung))
            yield rung

    def _attempt(self, rung: Rung) -> Attempt:
        reason = rung.permits(self.situation)
        if reason is not None:
            return Attempt(rung.name, rung.floor, f"not permitted: {reason}")
        options = rung_options(rung, self.situation)
        predicted = self.standing.costs.predict(rung, options, self.situation)
        said = Attempt(rung.name, rung.floor, "", predicted=predicted if self.trained else None)
        if self.trained is not None and self._elapsed() + predicted > (self.budget or float("inf")):
            why = f"not begun: it would take {predicted:.0f} s, {self._left():.0f} s are left"
            self.standing.clock = f"the budget left no time for {rung.name}"
            return replace(said, why=why, unbegun=True)
        self.reporter.say(f"  rung {rung.name}")
        began, stats = time.perf_counter(), copy(self.cache.stats)
        try:
            trained = self._train(rung, options)
        except ResourceError:
            raise
        except JourneymanError as error:
            if self.trained is None:
                raise
            seconds = time.perf_counter() - began
            return replace(said, why=f"failed: {error.problem}", seconds=seconds)
        self.standing.costs = self.standing.costs.measured(
            rung, options, self.situation, trained, stats, self.cache.stats
        )
        said = replace(said, cut=trained.learner.cut, seconds=time.perf_counter() - began)
        return self._judged(said, trained, options)

    def _train(self, rung: Rung, options: FinetuneOptions) -> Trained:
        situation = self.situation
        if self.folds:
            found = situation.task, situation.backbone, situation.schema, self.train
            how = {"seed": self.seed, "cache": self.cache, "reporter": self.reporter}
            return crossed(*found, len(self.validation), options, folds=self.folds, **how)  # type: ignore[arg-type]
        return finetune(
            situation.task,
            situation.backbone,
            situation.schema,
            self.train,
            self.validation,
            options,
            seed=self.seed,
            cache=self.cache,
            checkpoint=self.folder and self.folder / f"{rung.name}.safetensors",
            tracker=None if self.tracker is None else Named(self.tracker, rung.name),
            watch=None if self.budget is None else self._late,
            reporter=self.reporter,
        )

    def _judged(self, said: Attempt, trained: Trained, options: FinetuneOptions) -> Attempt:
        """Keep the rung where it is the first, or pays."""
        task, schema, targets = (
            self.situation.task,
            self.situation.schema,
            self.validation.targets,
        )
        if self.trained is None:
            score = task.score(trained.outputs, targets, schema, self.metric)
            said = replace(said, score=score, pays=True, why="kept: where the climb starts")
        else:
            found = gain(
                task, schema, self.metric, targets, trained.outputs, self.trained.outputs, self.seed
            )
            said = replace(said, score=found.score, gain=found.value, error=found.error)
            better = "kept: it gains more than its error"
            why = better if found.pays else "left: it does not gain more than its error"
            said = replace(said, pays=found.pays, why=why)
        if said.pays:
            self.trained, self.standing.kept = trained, said.rung
            self.standing.options = options.model_dump(mode="json")
            if self.folder is not None:
                write_trained(self.folder / said.rung, trained)
        self.reporter.say(f"  rung {said.rung}: {self.metric} {said.score:.4f}, {said.why}")
        return said

    def _elapsed(self) -> float:
        return self.before + time.perf_counter() - self.started

    def _is_over(self) -> bool:
        """Whether the budget is used up by the rungs that were trained."""
        used_up = self.budget is not None and self._left() == 0.0
        if used_up and self.trained is not None and not self.standing.clock:
            self.standing.clock = "the budget was used up"
        return used_up and self.trained is not None

    def _left(self) -> float:
        return max((self.budget or 0.0) - self._elapsed(), 0.0)

    def _late(self, epoch: int, score: float) -> bool:
        """Whether the budget is used up; the first rung is always finished."""
        late = self.trained is not None and self._left() == 0.0
        if late:
            self.standing.clock = "the budget ended the last rung before its last epoch"
        return late

    def _keep(self, attempt: Attempt) -> None:
        self.standing.attempts.append(attempt)
        self.standing.spent = self._elapsed()
        if self.folder is not None:
            said = asdict(self.standing)
            write_text(self.folder / FILE, json.dumps(said, sort_keys=True))
            (self.folder / f"{attempt.rung}.safetensors").unlink(missing_ok=True)

    def _stood(self) -> _Standing:
        path = None if self.folder is None else self.folder / FILE
        if path is None or not path.is_file():
            return _Standing()
        said = json.loads(path.read_text(encoding="utf-8"))
        attempts = [Attempt(**one) for one in said["attempts"]]
        return _Standing(**{**said, "attempts": attempts, "costs": Costs(**said["costs"])})

    def _kept(self) -> Trained | None:
        if self.folder is None or not self.standing.kept:
            return None
        situation = self.situation
        options = FinetuneOptions.model_validate(self.standing.options)
        found = situation.task, situation.backbone, situation.schema, options
        return read_trained(self.folder / self.standing.kept, *found, seed=self.seed)
