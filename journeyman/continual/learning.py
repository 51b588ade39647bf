"""Learning more: rows, classes and domains that arrive when a model is already made.

A solved head keeps sums over its rows (or the rows' vectors), so taking in rows costs the frozen
pass over them and one solution, whatever was learned before, and gives what all rows at once
would have given: features, choices and penalty staying as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass

from journeyman.continual.gate import judge, retention
from journeyman.continual.holdings import exam_of, solved_head
from journeyman.continual.lesson import Lesson, lesson
from journeyman.continual.options import UpdateOptions
from journeyman.continual.pupil import Pupil
from journeyman.continual.taught import Taught, recalibrated, successor
from journeyman.continual.update import Update
from journeyman.data.record import Refused
from journeyman.model_state import ModelState
from journeyman.progress import QUIET, Reporter
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.exam import Exam, make_exam
from journeyman.training.examples import Examples, content_ids
from journeyman.training.feature_source import feature_source
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

    A row that the ledger has, by id and by what it reads, is learned anew in place of what it was;
    one that the exam has is left alone. `unusable` rows were set aside before; `removed` says of an
    id, or of a hash of inputs, whether its row was removed on request, and may not come back.
    Raises ModelError for a model that cannot be taught, DataError where nothing can be learned.
    """
    options, laps = options or UpdateOptions(), [time.perf_counter()]
    pupil, exam = Pupil.of(model), exam_of(model)
    asked = [(question.id, question.inputs) for question in exam.questions]
    found = lesson(model, rows, options, examined=asked, removed=removed, unusable=unusable)
    if found.new_labels:
        pupil.rearrange(found.columns)
    own = closing(FeatureCache()) if cache is None else nullcontext(cache)
    with own as features:
        learned, given, arrived = _School(pupil, found, origin, features, reporter).prepared()
    laps.append(time.perf_counter())
    replaced = _take_in(pupil, learned, given, origin)
    added = len(learned) - replaced
    schema = pupil.counted(found.schema)
    calibration = recalibrated(pupil.model, pupil.learner, schema)
    laps.append(time.perf_counter())
    after = successor(model, pupil.learner, schema, exam.joined(arrived), calibration, added=added)
    kept = retention(model, solved_head(model), after, pupil.head, exam, arrived)
    verdict = judge(kept, options)
    laps.append(time.perf_counter())
    parts = zip(("frozen pass", "solving", "exam"), laps[:-1], laps[1:], strict=True)
    known = len(found.known)
    told = (f"{known} rows examine the model already, and were left alone",) if known else ()
    update = Update(
        kind="learn",
        model=model.name,
        version="",
        parent=model.version or None,
        accepted=verdict.accepted,
        reasons=(*verdict.reasons, *told),
        added=added,
        replaced=replaced,
        quarantined=len(found.refused),
        retention=tuple(kept),
        exact=not pupil.learner.tuner.trains,
        data=found.data,
        seconds={name: end - start for name, start, end in parts},
    )
    return Taught(after, update, found.refused)


@dataclass(frozen=True)
class _School:
    """The rows of one update, to be made ready for who learns them."""

    pupil: Pupil
    found: Lesson
    origin: str
    cache: FeatureCache
    reporter: Reporter

    def prepared(self) -> tuple[Examples, Entries | None, Exam]:
        """The rows to learn, what the head is given of them, and those that examine."""
        pupil, schema = self.pupil, self.found.schema
        learned, given = pupil.examples(self.found.learned, schema), None
        if len(learned):
            targets = solver_targets(pupil.learner, schema, learned)
            given = Entries(solver_rows(pupil.learner, self._split(learned)), targets)
        examined = pupil.examples(self.found.examined, schema)
        if not len(examined):
            return learned, given, Exam()
        source, rows = self._split(examined).source, self.found.examined
        columns = pupil.model.columns
        exam = make_exam(pupil.learner, columns, rows, examined, source, self.origin)
        return learned, given, exam

    def _split(self, examples: Examples) -> Split:
        learner = self.pupil.learner
        return Split(examples, feature_source(learner, examples, self.cache, self.reporter))


def _take_in(pupil: Pupil, learned: Examples, given: Entries | None, origin: str) -> int:
    """Let the head learn the rows, in place of what it knew of the very same ones; how many those
    are."""
    learner, head = pupil.learner, pupil.head
    ledger = learner.ledger
    if given is None:
        return 0
    again: list[int] = []
    if ledger is not None:
        again = ledger.same(zip(learned.ids, content_ids(learned.texts), strict=True))
        if again:
            held = ledger.entries(again)
            head.remove(held.layers, held.targets)
            learner.ledger = ledger.without(again)
    head.add(given.layers, given.targets)
    if ledger is not None:
        enter(learner, learned, given, origin)
    head.resolve(keep=True)
    return len(again)
