"""The gate: what an update did to each old skill, measured on the exam, and whether it may pass.

The exam's rows are held as features, so old skills are measured without the old data. Both
versions answer the same rows, so the interval of a change is that of a paired bootstrap
(Berg-Kirkpatrick, Burkett and Klein 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from journeyman.continual.options import UpdateOptions
from journeyman.continual.update import Retention
from journeyman.heads.base import SolvedHead
from journeyman.model_state import ModelState
from journeyman.tasks.base import Array
from journeyman.training.exam import Exam, Question

WHOLE = "all"
"""The slice of all exam rows that the model was examined on before."""
NEW = "new"
"""The slice of the exam rows that came with an update."""


@dataclass(frozen=True)
class _Side:
    """One of two versions, and its outputs to the rows of an exam."""

    model: ModelState
    outputs: Sequence[Array]

    @classmethod
    def of(cls, model: ModelState, head: SolvedHead, exam: Exam) -> _Side:
        return cls(model, exam.answers(head))

    def select(self, which: Sequence[int]) -> _Side:
        return _Side(self.model, [self.outputs[at] for at in which])


def retention(
    before: ModelState,
    old_head: SolvedHead,
    after: ModelState,
    new_head: SolvedHead,
    exam: Exam,
    arrived: Exam,
) -> list[Retention]:
    """Each slice of the exam before an update and after it: all, what each earlier update brought,
    each value of the model's slice columns; and last the rows that `arrived` with this one."""
    found = []
    for part in (exam, arrived):
        old, new = _Side.of(before, old_head, part), _Side.of(after, new_head, part)
        targets = part.targets(before.learner.task, before.columns)
        slices = _slices(part, before.columns.slices) if part is exam else _whole(part, NEW)
        for name, which in slices:
            chosen = [targets[at] for at in which]
            found.append(_compared(name, chosen, old.select(which), new.select(which)))
    return found


@dataclass(frozen=True)
class Verdict:
    """Whether an update may pass, and why not; or, where it may, what speaks against it."""

    accepted: bool
    reasons: tuple[str, ...] = ()


def judge(found: Sequence[Retention], options: UpdateOptions) -> Verdict:
    """What the gate says of an update.

    A slice of `least` rows or more that keeps less than `retain` of its metric refuses it, where
    that is more than chance does: where the interval of the change leaves out 0, or the gate is
    `strict`. What may be chance is told and passes.
    """
    broken: list[str] = []
    doubtful: list[str] = []
    for each in found:
        if options.retain is None or each.slice == NEW or not each.before or each.n < options.least:
            continue
        if each.after / each.before >= options.retain:
            continue
        certain = options.strict or (each.high is not None and each.high < 0.0)
        (broken if certain else doubtful).append(_told(each, options.retain))
    if broken:
        return Verdict(False, tuple(broken))
    return Verdict(True, tuple(f"{told}; it may be chance" for told in doubtful))


def _told(each: Retention, wanted: float) -> str:
    before = each.before or 0.0
    interval = "" if each.low is None else f", the change {each.low:+.3f} to {each.high:+.3f}"
    return (
        f"{each.slice}: {each.metric} {before:.3f} before, {each.after:.3f} after{interval}: "
        f"{each.after / before:.1%} kept on {each.n} exam rows, {wanted:.1%} wanted"
    )


def _whole(exam: Exam, name: str) -> list[tuple[str, list[int]]]:
    return [(name, list(range(len(exam))))] if len(exam) else []


def _slices(exam: Exam, columns: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Each slice by name, with the positions of its questions; none that is the whole exam."""
    found = _whole(exam, WHOLE)

    def part(name: str, holds: Callable[[Question], bool]) -> None:
        which = [at for at, question in enumerate(exam.questions) if holds(question)]
        if 0 < len(which) < len(exam):
            found.append((name, which))

    for origin in exam.origins:
        part(origin or "the first training", lambda q, origin=origin: q.origin == origin)  # type: ignore[misc]
    for column in columns:
        values = sorted({str(question.row.get(column, "")) for question in exam.questions})
        for value in values:
            part(
                f"{column}={value}",
                lambda q, column=column, value=value: str(q.row.get(column, "")) == value,  # type: ignore[misc]
            )
    return found


def _compared(name: str, targets: Sequence[Any], old: _Side, new: _Side) -> Retention:
    task = new.model.learner.task
    metric = task.primary_metric
    before, after = (
        task.score(side.outputs, targets, side.model.schema, metric) for side in (old, new)
    )
    sides = [(side.outputs, side.model.schema) for side in (old, new)]
    change = task.change(targets, sides[0], sides[1])
    return Retention(name, metric, before, after, change.low, change.high, len(targets))
