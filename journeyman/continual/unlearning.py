"""Forgetting on request: rows, or a class, taken out of a model as if they had never been there.

What a solved head keeps of its rows adds up, so what one row added is taken off again, exactly, and
the head is solved anew from what is left. Layers that were tuned on a row keep what it taught
them: there the model says so, and only training again without the row is exact.
"""

from __future__ import annotations

import time
from dataclasses import replace

from journeyman.continual.gate import judge, retention
from journeyman.continual.holdings import exam_of, solved_head
from journeyman.continual.named import Named
from journeyman.continual.options import UpdateOptions
from journeyman.continual.pupil import Pupil
from journeyman.continual.taught import Taught, recalibrated, successor
from journeyman.continual.update import Update
from journeyman.errors import DataError
from journeyman.model_state import ModelState
from journeyman.tasks.base import Schema
from journeyman.training.exam import Exam
from journeyman.training.loop import Split
from journeyman.training.solving import solver_rows, solver_targets

TUNED = (
    "the layers above the cut were tuned on these rows: the head no longer knows them, the layers "
    "may; only training again without them is exact"
)
RECOMPUTED = (
    "the model keeps no ledger: the rows were taken at their word, and their features computed anew"
)


def unlearn(model: ModelState, named: Named, options: UpdateOptions | None = None) -> Taught:
    """Remove what is named from head, ledger, exam and calibration.

    The gate refuses nothing here: whether someone is forgotten does not depend on what that costs.
    What it costs is told. Raises ModelError for a model that cannot give up single rows, DataError
    where nothing of what is named is known, or nothing would be left.
    """
    clock = time.perf_counter()
    pupil, exam = Pupil.of(model), exam_of(model)
    named.check(model)
    learner = pupil.learner
    reasons = [TUNED] if learner.tuner.trains else []
    reasons += [RECOMPUTED] if learner.ledger is None else []
    stays = [at for at, each in enumerate(exam.questions) if not named.asks(each, model)]
    left = exam.select(stays)
    rows = _by_ledger(pupil, named) if learner.ledger is not None else _at_their_word(pupil, named)
    if not rows and len(left) == len(exam) and named.label is None:
        raise named.unknown(model)
    schema = pupil.counted(_narrowed(pupil, named.label))
    pupil.head.resolve(keep=True)
    calibration = recalibrated(pupil.model, learner, schema)
    solved = time.perf_counter()
    after = successor(model, learner, schema, left, calibration, removed=rows)
    kept = retention(model, solved_head(model), after, pupil.head, left, Exam())
    update = Update(
        kind="unlearn",
        model=model.name,
        version="",
        parent=model.version or None,
        accepted=True,
        reasons=(*reasons, *judge(kept, options or UpdateOptions()).reasons),
        removed=rows + len(exam) - len(left),
        retention=tuple(kept),
        exact=not reasons,
        seconds={"solving": solved - clock, "exam": time.perf_counter() - solved},
    )
    return Taught(after, update)


def _by_ledger(pupil: Pupil, named: Named) -> int:
    """Take the rows out of head and ledger, as the ledger has them; how many there were."""
    ledger = pupil.learner.ledger
    if ledger is None:
        raise RuntimeError("there is no ledger")
    lines = named.lines(ledger, pupil.model)
    if len(lines) == len(ledger.lines):
        raise _nothing_left(len(lines))
    gone = ledger.entries(lines)
    if len(gone):
        pupil.head.remove(gone.layers, gone.targets)
    pupil.learner.ledger = ledger.without(lines)
    return len(lines)


def _at_their_word(pupil: Pupil, named: Named) -> int:
    """Take rows out of the head by what they are said to be, their features computed anew, and
    kept nowhere."""
    learner, schema = pupil.learner, pupil.model.schema
    made = pupil.examples(named.rows, schema)
    layers = solver_rows(learner, Split(made, learner.uncached(made)))
    try:
        pupil.head.remove(layers, solver_targets(learner, schema, made))
    except ValueError as error:
        raise DataError(
            "The model has not learned these rows.",
            place="the rows to remove",
            expected="rows that it learned, with the targets it learned them with",
            found=str(error),
            remedy="give the rows as they were in the training data",
        ) from error
    return len(made)


def _narrowed(pupil: Pupil, label: str | None) -> Schema:
    """The schema without a class, whose outputs are dropped; as it was where none is to go."""
    old = pupil.model.schema
    if label is None:
        return old
    kept = [at for at, name in enumerate(old.labels) if name != label]
    pupil.rearrange(kept)
    labels, counts = [old.labels[at] for at in kept], [old.counts[at] for at in kept]
    return replace(old, labels=tuple(labels), counts=tuple(counts))


def _nothing_left(rows: int) -> DataError:
    return DataError(
        "Nothing would be left of the model.",
        place="the rows to remove",
        expected="fewer rows than the model has learned",
        found=f"all {rows:,} of them",
        remedy="delete the model, and the run that made it",
    )
