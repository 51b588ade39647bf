"""Learning more: rows, classes and domains that arrive when a model is already made.

A solved head keeps sums over its rows (or the rows' vectors), so taking in rows costs the frozen
pass over them and one solution, whatever was learned before, and gives what all rows at once
would have given: features, choices and penalty staying as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from journeyman.continual.gate import judge, retention
from journeyman.continual.holdings import exam_of, solved_head, with_own_head
from journeyman.continual.lesson import Lesson, lesson
from journeyman.continual.options import UpdateOptions
from journeyman.continual.taught import Taught, recalibrated, successor
from journeyman.continual.update import Update
from journeyman.data.record import Refused
from journeyman.heads.base import SolvedHead
from journeyman.model_state import ModelState
from journeyman.progress import QUIET, Reporter
from journeyman.training.balance import ClassWeights
from journeyman.training.cache import FeatureCache
from journeyman.training.exam import Exam, make_exam
from journeyman.training.examples import Examples, make_examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Learner
from journeyman.training.ledger import Entries
from journeyman.training.loop import Split
from journeyman.training.solving import enter, solver_rows, solver_targets
from journeyman.types import Row


def learn(
    model: ModelState,
    rows: Sequence[Row],
    options: UpdateOptions | None = None,
    *,
    origin: str = "",
    removed: Callable[[str], bool] = lambda _: False,
    unusable: Sequence[Refused] = (),
    cache: FeatureCache | None = None,
    reporter: Reporter = QUIET,
) -> Taught:
    """Teach a model rows with targets; `origin` names what brought them, such as a domain.

    A row whose id the ledger has is learned anew in place of what it was; one that the exam has is
    left alone. `unusable` rows were set aside before; `removed` says of an id whether its row was
    removed on request, and may not come back.
    Raises ModelError for a model that cannot be taught, DataError where nothing can be learned.
    """
    options, laps = options or UpdateOptions(), [time.perf_counter()]
    old_head, exam = solved_head(model), exam_of(model)
    ids = [question.id for question in exam.questions]
    found = lesson(model, rows, options, examined=ids, removed=removed, unusable=unusable)
    learner, head = with_own_head(model)
    school = _School(model, learner, head, found, origin, cache or FeatureCache(), reporter)
    school.widen()
    learned, given, arrived = school.prepared()
    laps.append(time.perf_counter())
    school.take_in(learned, given)
    calibration = recalibrated(school.model, learner, found.schema)
    laps.append(time.perf_counter())
    after = successor(
        model, learner, found.schema, exam.joined(arrived), calibration, added=len(learned)
    )
    kept = retention(model, old_head, after, head, exam, arrived)
    verdict = judge(kept, options)
    laps.append(time.perf_counter())
    parts = zip(("frozen pass", "solving", "exam"), laps[:-1], laps[1:], strict=True)
    update = Update(
        kind="learn",
        model=model.name,
        version="",
        parent=model.version or None,
        accepted=verdict.accepted,
        reasons=verdict.reasons,
        added=len(learned),
        quarantined=len(found.refused),
        retention=tuple(kept),
        exact=not learner.tuner.trains,
        data=found.data,
        seconds={name: end - start for name, start, end in parts},
    )
    return Taught(after, update, found.refused)


@dataclass
class _School:
    """One update under way: the new learner and its head, and what is taught."""

    model: ModelState
    learner: Learner
    head: SolvedHead
    found: Lesson
    origin: str
    cache: FeatureCache
    reporter: Reporter

    def widen(self) -> None:
        """Make room for new classes in head, ledger and class weights."""
        columns = self.found.columns
        if not self.found.new_labels:
            return
        self.head.rearrange(columns)
        if self.learner.ledger is not None:
            self.learner.ledger = self.learner.ledger.with_outputs(columns)
        said = self.model.calibration.get("balance")
        if said is not None:
            weights = ClassWeights.from_json(said).rearranged(columns)
            calibration = {**self.model.calibration, "balance": weights.to_json()}
            self.model = replace(self.model, calibration=calibration)

    def prepared(self) -> tuple[Examples, Entries | None, Exam]:
        """The rows to learn, what the head is given of them, and those that examine."""
        learned = self._examples(self.found.learned)
        given = None
        if len(learned):
            split = self._split(learned)
            targets = solver_targets(self.learner, self.found.schema, learned)
            given = Entries(solver_rows(self.learner, split), targets)
        examined = self._examples(self.found.examined)
        if not len(examined):
            return learned, given, Exam()
        source, columns = self._split(examined).source, self.model.columns
        rows = self.found.examined
        return learned, given, make_exam(self.learner, columns, rows, examined, source, self.origin)

    def take_in(self, learned: Examples, given: Entries | None) -> None:
        """Let the head learn the rows, in place of what it knew under the same ids."""
        ledger = self.learner.ledger
        if given is None:
            return
        if ledger is not None and (again := ledger.find(learned.ids)):
            held = ledger.entries(again)
            self.head.remove(held.layers, held.targets)
            self.learner.ledger = ledger.without(again)
        self.head.add(given.layers, given.targets)
        if ledger is not None:
            enter(self.learner, learned, given, self.origin)
        self.head.resolve(keep=True)

    def _examples(self, rows: Sequence[Row]) -> Examples:
        learner, columns = self.learner, self.model.columns
        made = make_examples(learner.task, learner.backbone, rows, columns, self.found.schema)
        said: Any = self.model.calibration.get("balance")
        return made if said is None or not rows else ClassWeights.from_json(said).scaled(made)

    def _split(self, examples: Examples) -> Split:
        return Split(examples, feature_source(self.learner, examples, self.cache, self.reporter))
