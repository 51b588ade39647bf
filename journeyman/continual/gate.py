"""The gate: what an update did to each old skill, measured on the exam, and whether it may pass.

The exam's rows are held as features, so old skills are measured without the old data. Both
versions answer the same rows, so the interval of a change is that of a paired bootstrap
(Berg-Kirkpatrick, Burkett and Klein 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def judge(found: Sequence[Retention], options: UpdateOptions) -> tuple[str, ...]:
    """Why an update may not pass; empty when it may.

    A slice refuses an update when it keeps less than `retain` of its metric. Slices of fewer than
    `least` rows say too little to refuse one alone.
    """
    if options.retain is None:
        return ()
    reasons = []
    for each in found:
        if each.slice == NEW or each.before is None or each.before <= 0 or each.n < options.least:
            continue
        kept = each.after / each.before
        if kept < options.retain:
            interval = "" if each.low is None else f" ({each.low:+.3f} to {each.high:+.3f})"
            reasons.append(
                f"{each.slice}: {each.metric} {each.before:.3f} before, {each.after:.3f} after"
                f"{interval}: {kept:.1%} kept of {each.n} exam rows, {options.retain:.1%} wanted"
            )
    return tuple(reasons)


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
