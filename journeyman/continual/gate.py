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
from journeyman.tasks.base import Task
from journeyman.training.exam import Exam

WHOLE = "all"
"""The slice of all exam rows that the model was examined on before."""
NEW = "new"
"""The slice of the exam rows that came with an update."""


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
    task = before.learner.task
    found = [
        _compared(name, task, part, before, old_head, after, new_head)
        for name, part in _slices(exam, before.columns.slices)
    ]
    if len(arrived):
        found.append(_compared(NEW, task, arrived, before, old_head, after, new_head))
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


def _slices(exam: Exam, columns: Sequence[str]) -> list[tuple[str, Exam]]:
    if not len(exam):
        return []
    found = [(WHOLE, exam)]

    def part(name: str, holds: Callable[[Any], bool]) -> None:
        which = [at for at, question in enumerate(exam.questions) if holds(question)]
        if 0 < len(which) < len(exam):
            found.append((name, exam.select(which)))

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


def _compared(
    name: str,
    task: Task,
    exam: Exam,
    before: ModelState,
    old_head: SolvedHead,
    after: ModelState,
    new_head: SolvedHead,
) -> Retention:
    targets = exam.targets(task, before.columns)
    sides = [
        (exam.answers(head), model.schema)
        for head, model in ((old_head, before), (new_head, after))
    ]
    scores = [
        task.score(outputs, targets, schema, task.primary_metric) for outputs, schema in sides
    ]
    change = task.change(targets, sides[0], sides[1])
    return Retention(
        name, task.primary_metric, scores[0], scores[1], change.low, change.high, len(exam)
    )
