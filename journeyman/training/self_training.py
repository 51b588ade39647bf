"""Self-training: the model learns from its own sure answers to rows without labels.

Scudder (1965), "Probability of error of some adaptive pattern-recognition machines". In each round
the model kept so far answers the unlabelled rows; those that are sure enough (`pseudo_labels.py`)
are learned from beside the labelled ones, by a model made anew; and it takes the place of the one
before where held-out answers gain more than noise would make of nothing (`gain.py`): a model's own
mistakes, learned as labels, may do harm that a score which merely holds does not show.

Rows are judged by models that know nothing of them, from their labels or through others' answers.
So under cross-validation each fold's model learns from its own answers, and a solved head takes in
the validation rows only when all rounds are over. Pseudo-labelled rows are never judged by.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import Text
from journeyman.errors import JourneymanError, ResourceError
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array, Schema, Task
from journeyman.training.batches import Indices
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples
from journeyman.training.feature_source import feature_source
from journeyman.training.folds import After, More, crossed
from journeyman.training.gain import Gain, gain
from journeyman.training.options import FinetuneOptions
from journeyman.training.pseudo_labels import (
    LEAST,
    Confident,
    SelfTrainingOptions,
    Threshold,
    label_counts,
    taken,
    threshold_of,
    with_pseudo_labels,
    with_views,
)
from journeyman.training.trackers import Named, Tracker
from journeyman.training.trainer import Trained, finetune, refit
from journeyman.training.unlabelled import Unlabelled


@dataclass(frozen=True)
class Course:
    """What is trained in each round, and how: all but the rows without labels.

    `train` are the rows to learn from and `validation` those that are judged by; with `folds` the
    latter are the first of `train`. `options` are those of the model that self-training starts
    from. Training under way is kept in `folder`.
    """

    task: Task
    backbone: Backbone
    schema: Schema
    train: Examples
    validation: Examples
    options: FinetuneOptions
    seed: int
    cache: FeatureCache
    folds: int = 0
    folder: Path | None = None
    tracker: Tracker | None = None
    reporter: Reporter = QUIET

    @property
    def metric(self) -> str:
        """What choices are made by."""
        return self.options.metric or self.task.primary_metric


@dataclass(frozen=True)
class Round:
    """One round: rows `taken` of those `offered`, of which `labels`; the held-out score `before`
    and `after` with the standard `error` of their difference, where a model was trained."""

    number: int
    offered: int
    kept: bool
    why: str
    threshold: Threshold | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    before: float | None = None
    after: float | None = None
    error: float | None = None

    @property
    def taken(self) -> int:
        """Rows with pseudo-labels that were learned from."""
        return sum(self.labels.values())


@dataclass(frozen=True)
class SelfTrained:
    """The model that is kept, and how it came about: every round, the texts `offered`, what was
    `said` of it, and the seconds it took."""

    trained: Trained
    rounds: tuple[Round, ...]
    offered: Unlabelled
    said: SelfTrainingOptions
    seconds: float

    @property
    def rows(self) -> int:
        """Rows with pseudo-labels that the kept model learned from."""
        return next((one.taken for one in reversed(self.rounds) if one.kept), 0)


def asked(options: FinetuneOptions, task: Task, unlabelled: Sequence[str]) -> FinetuneOptions:
    """The options, with self-training where nothing is said of it but `auto` has texts for it."""
    silent = options.self_training is None and options.tuner == "auto"
    if silent and unlabelled and task.kind == "label" and options.balanced_within is None:
        return options.model_copy(update={"self_training": SelfTrainingOptions()})
    return options


def before_refit(options: FinetuneOptions) -> FinetuneOptions:
    """The options by which the model is made that self-training, or training on views with parts
    missing, starts from."""
    goes_on = options.self_training or options.missing is not None
    return options.model_copy(update={"refit": options.refit and not goes_on})


def self_train(
    course: Course,
    start: Trained,
    offered: Unlabelled,
    said: SelfTrainingOptions,
    *,
    refits: bool = False,
) -> SelfTrained:
    """Train on, from `start`, in as many rounds as keep up; the same call gives the same bytes.

    `start` was made of the course without refitting (`before_refit`); where `refits`, the model
    that is kept takes in the validation rows at the end. Rounds end early where no row is sure
    enough, where the same rows would be learned from again, and where a model is not kept. Raises
    JourneymanError for a task without one label a row.
    """
    _check_task(course.task)
    began = time.perf_counter()
    rounds = _Rounds(course, start, offered.texts, said)
    done: list[Round] = []
    while len(done) < said.rounds and (not done or done[-1].kept):
        done.append(rounds.next(len(done) + 1))
        course.reporter.say(f"  self-training, round {len(done)}: {done[-1].why}")
    if refits and not course.folds:
        refit(rounds.kept, course.schema, course.validation, course.cache)
    seconds = time.perf_counter() - began
    return SelfTrained(rounds.kept, tuple(done), offered, said, seconds)


class _Rounds:
    """The model kept so far, and how each of its parts answers the unlabelled rows [U, C].

    Parts are the folds, and last the model itself; without folds there is the model alone.
    """

    def __init__(
        self, course: Course, start: Trained, texts: Sequence[Text], said: SelfTrainingOptions
    ) -> None:
        self.course, self.said, self.kept = course, said, start
        inputs = course.backbone.prepare(texts)
        self.unlabelled = Examples(texts, inputs, [None] * len(texts))
        about = course.backbone, self.unlabelled, said.consistency
        self.offered, self.of = with_views(*about, course.task.modality, course.seed)
        self.answers: dict[int, Sequence[Array]] = {}
        self.own = min(course.folds, len(course.validation))
        self.learned: tuple[Indices, NDArray[np.int64]] | None = None

    def next(self, number: int) -> Round:
        """One more round; the model it makes is kept, or not."""
        said = Round(number, len(self.unlabelled), False, "")
        threshold = self._threshold()
        if threshold is None:
            return replace(said, why=self._unsure())
        if not self.answers:
            self._ask_start()
        rows, labels = self._chosen(self.own, label_counts(self.course.train), threshold)
        counts = np.bincount(labels, minlength=len(self.course.schema.labels))
        names = dict(zip(self.course.schema.labels, counts.tolist(), strict=True))
        said = replace(said, threshold=threshold, labels=names)
        if not len(rows):
            return replace(said, why="nothing to learn: no unlabelled row is as sure as that")
        if self.learned is not None and _same(self.learned, (rows, labels)):
            return replace(said, why="nothing to learn: the same rows with the same labels again")
        try:
            new, answers = self._trained(number, threshold, counts)
        except ResourceError:
            raise
        except JourneymanError as error:
            return replace(said, why=f"failed: {error.problem}")
        found = self._gain(new)
        said = replace(
            said, before=found.before, after=found.score, error=found.error, kept=found.pays,
            why=_verdict(found),
        )  # fmt: skip
        if said.kept:
            self.kept, self.answers, self.learned = new, answers, (rows, labels)
        return said

    def _threshold(self) -> Threshold | None:
        """From the held-out answers of the model kept so far."""
        targets, labels = self.course.validation.targets, self.course.schema.labels
        if not len(self.kept.outputs):
            return None
        held = Confident.of(self.kept.outputs, self._temperature())
        truths = [target.label for target in targets]
        right = np.array([labels[at] == t for at, t in zip(held.labels, truths, strict=True)])
        return threshold_of(held.scores, right, self.said.precision)

    def _unsure(self) -> str:
        held = len(self.kept.outputs)
        if held < LEAST:
            return f"nothing to learn: {held} held-out answers are too few to set a threshold by"
        wanted = f"right {self.said.precision:.0%} of the time"
        return f"nothing to learn: held-out answers are {wanted} at no confidence"

    def _temperature(self) -> float:
        return float(self.kept.calibration.get("temperature", 1.0))

    def _chosen(
        self, part: int, counts: NDArray[np.float64], threshold: Threshold
    ) -> tuple[Indices, NDArray[np.int64]]:
        """The unlabelled rows that a part learns from, and its labels for them."""
        answers = Confident.of(self.answers[part], self._temperature())
        rows = taken(answers, threshold.score, counts)
        return rows, answers.labels[rows]

    def _lesson(self, part: int, learned: Examples, threshold: Threshold) -> Examples:
        """What a part learns from: its labelled rows, and those that it is sure of itself, these
        in changed views too where consistency is asked for."""
        rows, labels = self._chosen(part, label_counts(learned), threshold)
        course, answered = self.course, np.full(len(self.unlabelled), -1)
        answered[rows] = labels
        given = answered[self.of]
        more = self.offered.select(np.flatnonzero(given >= 0))
        return with_pseudo_labels(
            course.task, course.backbone, course.schema, learned, more, given[given >= 0]
        )

    def _trained(
        self, number: int, threshold: Threshold, counts: NDArray[np.int64]
    ) -> tuple[Trained, dict[int, Sequence[Array]]]:
        """A model that learned from its labelled rows and its sure answers; and its answers, where
        another round may follow."""
        course = self.course
        known = course.schema.counts
        whole = tuple(a + b for a, b in zip(known, counts.tolist(), strict=True))
        course = replace(course, schema=replace(course.schema, counts=whole))
        answers: dict[int, Sequence[Array]] = {}

        def ask(part: int, found: Trained) -> None:
            if number < self.said.rounds:
                answers[part] = self._asked(found)

        def lesson(part: int, learned: Examples) -> Examples:
            return self._lesson(part, learned, threshold)

        if course.folds:
            return _crossed(course, more=lesson, after=ask), answers
        new = _finetuned(course, lesson(self.own, course.train), f"self-training-{number}")
        ask(self.own, new)
        return new, answers

    def _ask_start(self) -> None:
        """Answers of what self-training starts from; models of folds are made again for it."""
        if self.course.folds:
            _crossed(
                self.course, after=lambda at, found: self.answers.update({at: self._asked(found)})
            )
        else:
            self.answers[self.own] = self._asked(self.kept)

    def _asked(self, trained: Trained) -> Sequence[Array]:
        course = self.course
        source = feature_source(trained.learner, self.unlabelled, course.cache, course.reporter)
        return trained.learner.outputs(self.unlabelled, source, course.reporter)

    def _gain(self, new: Trained) -> Gain:
        course = self.course
        found = course.task, course.schema, course.metric, course.validation.targets
        return gain(*found, new.outputs, self.kept.outputs, course.seed)


def _finetuned(course: Course, learned: Examples, name: str) -> Trained:
    return finetune(
        course.task,
        course.backbone,
        course.schema,
        learned,
        course.validation,
        course.options.model_copy(update={"refit": False}),
        seed=course.seed,
        cache=course.cache,
        checkpoint=course.folder and course.folder / f"{name}.safetensors",
        tracker=None if course.tracker is None else Named(course.tracker, name),
        reporter=course.reporter,
    )


def _crossed(course: Course, *, more: More | None = None, after: After | None = None) -> Trained:
    return crossed(
        course.task,
        course.backbone,
        course.schema,
        course.train,
        len(course.validation),
        course.options.model_copy(update={"refit": False}),
        folds=course.folds,
        seed=course.seed,
        cache=course.cache,
        reporter=course.reporter,
        more=more,
        after=after,
    )


def _same(one: tuple[Indices, NDArray[np.int64]], other: tuple[Indices, NDArray[np.int64]]) -> bool:
    return all(map(np.array_equal, one, other))


def _verdict(found: Gain) -> str:
    if found.pays:
        return "kept: it gains more than its error on held-out answers"
    return "left: it does not gain more than its error on held-out answers"


def _check_task(task: Task) -> None:
    if task.kind == "label":
        return
    raise JourneymanError(
        f"The task {task.name} cannot learn from its own answers.",
        place="finetune.self_training",
        expected="a task of one label a text, such as text-classification",
        found=task.name,
        remedy="remove finetune.self_training",
    )
