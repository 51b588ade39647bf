"""Forgetting on request: rows, or a class, taken out of a model as if they had never been there.

What a solved head keeps of its rows adds up, so what one row added is taken off again, exactly, and
the head is solved anew from what is left. Layers that were tuned on a row keep what it taught
them: there the model says so, and only training again without the row is exact.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from journeyman.continual.gate import judge, retention
from journeyman.continual.holdings import exam_of, solved_head, with_own_head
from journeyman.continual.named import Named
from journeyman.continual.options import UpdateOptions
from journeyman.continual.taught import Taught, recalibrated, successor
from journeyman.continual.update import Update
from journeyman.errors import DataError
from journeyman.heads.base import SolvedHead
from journeyman.model_state import ModelState
from journeyman.tasks.base import Schema
from journeyman.training.balance import ClassWeights
from journeyman.training.cache import FeatureCache
from journeyman.training.exam import Exam
from journeyman.training.examples import make_examples
from journeyman.training.feature_source import feature_source
from journeyman.training.learner import Learner
from journeyman.training.ledger import Entries
from journeyman.training.loop import Split
from journeyman.training.solving import solver_rows, solver_targets

TUNED = (
    "the layers above the cut were tuned on these rows: the head no longer knows them, the layers "
    "may; only training again without them is exact"
)
RECOMPUTED = (
    "the model keeps no ledger: the rows were taken at their word, and their features computed anew"
)


def unlearn(
    model: ModelState,
    named: Named,
    options: UpdateOptions | None = None,
    *,
    cache: FeatureCache | None = None,
) -> Taught:
    """Remove what is named from head, ledger, exam and calibration.

    The gate refuses nothing here: whether someone is forgotten does not depend on what that costs.
    What it costs is told. Raises ModelError for a model that cannot give up single rows, DataError
    where nothing of what is named is known, or nothing would be left.
    """
    clock = time.perf_counter()
    old_head, exam = solved_head(model), exam_of(model)
    named.check(model)
    learner, head = with_own_head(model)
    gone = _Gone(model, learner, head, named)
    left = exam.select(
        [at for at, each in enumerate(exam.questions) if not named.asks(each, model)]
    )
    given = gone.entries() if learner.ledger is not None else gone.computed(cache)
    if not len(given) and len(left) == len(exam) and named.label is None:
        raise named.unknown(model)
    gone.take_out(given)
    schema = gone.schema(given)
    gone.narrow(schema)
    head.resolve(keep=True)
    calibration = recalibrated(gone.model, learner, schema)
    solved = time.perf_counter()
    after = successor(model, learner, schema, left, calibration, removed=gone.rows)
    kept = retention(model, old_head, after, head, left, Exam())
    update = Update(
        kind="unlearn",
        model=model.name,
        version="",
        parent=model.version or None,
        accepted=True,
        reasons=(*gone.reasons(), *judge(kept, options or UpdateOptions()).reasons),
        removed=gone.rows + len(exam) - len(left),
        retention=tuple(kept),
        exact=not gone.reasons(),
        seconds={"solving": solved - clock, "exam": time.perf_counter() - solved},
    )
    return Taught(after, update)


class _Gone:
    """What leaves a model: the new learner and head, and how many rows they lose."""

    def __init__(self, model: ModelState, learner: Learner, head: SolvedHead, named: Named) -> None:
        self.model, self.learner, self.head, self.named = model, learner, head, named
        self.lines: Sequence[int] = ()
        self.rows = 0

    def reasons(self) -> list[str]:
        """Why the result is not exact; none where it is."""
        found = [TUNED] if self.learner.tuner.trains else []
        return found + ([RECOMPUTED] if self.learner.ledger is None else [])

    def entries(self) -> Entries:
        """What the head was given of the rows, by the ledger."""
        ledger = self.learner.ledger
        if ledger is None:
            raise RuntimeError("there is no ledger")
        self.lines = self.named.lines(ledger, self.model)
        self.rows = len({ledger.lines[at].id for at in self.lines})
        return ledger.entries(self.lines)

    def computed(self, cache: FeatureCache | None) -> Entries:
        """What the head was given of rows that are at hand, computed anew."""
        model, learner = self.model, self.learner
        rows = self.named.rows
        self.rows = len(rows)
        made = make_examples(learner.task, learner.backbone, rows, model.columns, model.schema)
        said = model.calibration.get("balance")
        made = made if said is None else ClassWeights.from_json(said).scaled(made)
        split = Split(made, feature_source(learner, made, cache or FeatureCache()))
        return Entries(solver_rows(learner, split), solver_targets(learner, model.schema, made))

    def take_out(self, given: Entries) -> None:
        """Give up the rows in head and ledger. Raises DataError where too few would be left."""
        ledger = self.learner.ledger
        if ledger is not None and len(self.lines) == len(ledger.lines):
            raise _nothing_left(self.rows)
        if len(given):
            try:
                self.head.remove(given.layers, given.targets)
            except ValueError as error:
                raise DataError(
                    "The model has not learned these rows.",
                    place="the rows to remove",
                    expected="rows that it learned, with the targets it learned them with",
                    found=str(error),
                    remedy="give the rows as they were in the training data",
                ) from error
        if ledger is not None:
            self.learner.ledger = ledger.without(self.lines)

    def schema(self, given: Entries) -> Schema:
        """The schema with fewer rows of the classes that were given up, or without one class."""
        task, old = self.learner.task, self.model.schema
        counts = list(old.counts)
        if task.kind in ("label", "identity") and self.learner.ledger is not None:
            for label in self.named.labels_of(given, old):
                counts[old.labels.index(label)] -= 1
        schema = replace(old, counts=tuple(max(count, 0) for count in counts))
        if self.named.label is None:
            return schema
        at = old.labels.index(self.named.label)
        labels = tuple(label for label in old.labels if label != self.named.label)
        return replace(schema, labels=labels, counts=schema.counts[:at] + schema.counts[at + 1 :])

    def narrow(self, schema: Schema) -> None:
        """Drop the outputs of classes that `schema` no longer has."""
        old = self.model.schema
        if schema.labels == old.labels:
            return
        columns = [old.labels.index(label) for label in schema.labels]
        self.head.rearrange(columns)
        if self.learner.ledger is not None:
            self.learner.ledger = self.learner.ledger.with_outputs(columns)
        said = self.model.calibration.get("balance")
        if said is not None:
            weights = ClassWeights.from_json(said).rearranged(columns)
            calibration = {**self.model.calibration, "balance": weights.to_json()}
            self.model = replace(self.model, calibration=calibration)


def _nothing_left(rows: int) -> DataError:
    return DataError(
        "Nothing would be left of the model.",
        place="the rows to remove",
        expected="fewer rows than the model has learned",
        found=f"all {rows:,} of them",
        remedy="delete the model, and the run that made it",
    )
