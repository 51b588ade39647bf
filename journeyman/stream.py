"""A model as rows arrive: taught step by step, examined, and measured on everything seen so far."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from journeyman.continual.learning import learn
from journeyman.continual.named import Named
from journeyman.continual.options import UpdateOptions
from journeyman.continual.taught import Taught
from journeyman.continual.unlearning import unlearn
from journeyman.continual.update import Update
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import Examples, make_examples
from journeyman.training.feature_source import feature_source
from journeyman.types import Metric, Row


@dataclass(frozen=True)
class Stage:
    """The model after one step, the update that led to it, and its primary metric on the test rows
    of each arrival so far."""

    name: str
    model: Model
    update: Update
    tests: Mapping[str, Metric]
    seconds: float = 0.0


@dataclass
class Stream:
    """What arrives at a model, in turn; `model` is the last one that passed the gate.

    An update looks at no row of an earlier arrival: the model holds what it needs of them. What was
    `learned` is kept for `difference` alone.
    """

    model: Model
    options: UpdateOptions
    cache: FeatureCache
    reporter: Reporter = QUIET
    stages: list[Stage] = field(default_factory=list)
    tests: dict[str, Sequence[Row]] = field(default_factory=dict)
    learned: list[Row] = field(default_factory=list)
    start: Model | None = None

    def open(self, name: str, tests: Sequence[Row]) -> Stage:
        """The model as the first training left it."""
        self.tests[name], self.start = tests, self.model
        update = Update("made", self.model.name, self.model.version, None, accepted=True)
        return self._stage(name, self.model, update, 0.0)

    def arrive(self, name: str, rows: Sequence[Row], tests: Sequence[Row]) -> Stage:
        """Teach the model rows, and measure it on their `tests` too from now on.

        Raises DataError where nothing can be learned from them.
        """
        self.tests[name] = tests
        began = time.perf_counter()
        taught = learn(
            self.model, rows, self.options, origin=name, cache=self.cache, reporter=self.reporter
        )
        if taught.update.accepted:
            self.learned += rows
        return self._stage(name, _model(taught), taught.update, time.perf_counter() - began)

    def arrived(
        self, name: str, model: Model, update: Update | None, rows: Sequence[Row], seconds: float
    ) -> None:
        """What was taught elsewhere: the model that serves since then, and the update by rows that
        led to it, if there was any."""
        if update is None:
            return
        if update.accepted:
            self.learned += rows
            self.model = model
        self._stage(name, model, update, seconds)

    def forget(self, named: Named) -> Taught:
        """Have the model forget rows. Raises DataError where it knows none of them."""
        began = time.perf_counter()
        taught = unlearn(self.model, named, self.options)
        self._stage("forgetting", _model(taught), taught.update, time.perf_counter() - began)
        return taught

    def difference(self) -> float | None:
        """Between this model and one that learned everything at once, the largest of any output to
        the test rows, relative to the largest output; None where nothing was learned.

        Both start from the first training. To be asked before anything is forgotten.
        """
        if self.start is None or not self.learned:
            return None
        free = self.options.model_copy(update={"retain": None})
        joint = learn(self.start, self.learned, free, cache=self.cache)
        rows = [row for part in self.tests.values() for row in part]
        models = (self.model, _model(joint))
        one, other = (np.stack(self._outputs(each, rows)[0]) for each in models)
        return float(np.abs(one - other).max() / np.abs(other).max())

    def _stage(self, name: str, model: Model, update: Update, seconds: float) -> Stage:
        found = {each: self._measured(model, rows) for each, rows in self.tests.items() if rows}
        stage = Stage(name, model, update, found, seconds)
        self.stages.append(stage)
        return stage

    def _measured(self, model: Model, rows: Sequence[Row]) -> Metric:
        outputs, examples = self._outputs(model, rows)
        task = model.learner.task
        answers = model.decoded(outputs, examples.texts)
        found = task.evaluate(answers, examples.targets, model.schema, texts=examples.texts)
        return found.metrics[task.primary_metric]

    def _outputs(self, model: Model, rows: Sequence[Row]) -> tuple[list[Array], Examples]:
        learner = model.learner
        made = make_examples(learner.task, learner.backbone, rows, model.columns, model.schema)
        return learner.outputs(made, feature_source(learner, made, self.cache)), made


def _model(taught: Taught) -> Model:
    return Model(**vars(taught.state))
