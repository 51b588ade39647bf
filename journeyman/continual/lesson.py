"""The rows of one update, made ready: what is learned, what examines, and what is set aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b, sha256
from typing import Any

from journeyman.continual.options import UpdateOptions
from journeyman.data.record import Refused
from journeyman.errors import DataError
from journeyman.model_questions import QuestionReader, parts_of
from journeyman.model_state import ModelState
from journeyman.tasks.base import Schema
from journeyman.training.examples import content_ids
from journeyman.types import Row

Known = tuple[str, str]
"""A row's id, and a hash of what it reads: an id alone may come again in another file."""


@dataclass(frozen=True)
class Lesson:
    """Rows `learned` and rows `examined`, the schema with what is new in them, and those refused.

    `columns` says where each output of the new schema was in the old one; None for a new class.
    Rows of `known` ids examine the model already, and are left alone.
    """

    learned: Sequence[Row]
    examined: Sequence[Row]
    schema: Schema
    columns: Sequence[int | None]
    refused: Sequence[Refused] = ()
    known: Sequence[str] = ()
    new_labels: Sequence[str] = ()
    data: str = ""


@dataclass
class _Sorted:
    learned: dict[Known, Row] = field(default_factory=dict)
    examined: dict[Known, Row] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    known: list[str] = field(default_factory=list)


def lesson(
    model: ModelState,
    rows: Sequence[Row],
    options: UpdateOptions,
    *,
    examined: Iterable[Known] = (),
    removed: Callable[[str], bool] = lambda _: False,
    unusable: Sequence[Refused] = (),
) -> Lesson:
    """Divide rows that have input and target.

    `examined` are the exam's rows, and `removed` says of an id, or of a hash of inputs, whether its
    row was removed on request: neither may be learned. A row that comes twice counts once, as it
    came last. Which new rows examine follows from what they read alone, so it is the same in
    whatever batches and order they come. Raises DataError when nothing is left to learn from.
    """
    sorted_rows = _Sorted(refused=list(unusable))
    old, labels = frozenset(examined), frozenset(model.schema.labels)
    task, columns = model.learner.task, model.columns
    for at, row in enumerate(rows):
        text = task.text(row, columns)
        (hashed,) = content_ids([text])
        known = (QuestionReader(columns, task.unit).id_of(row, parts_of(text)), hashed)
        unknown = set(_labels_of(task.target(row, columns))) - labels if labels else set()
        if known in old:
            sorted_rows.known.append(known[0])
        elif any(map(removed, known)):
            reason = "The row was removed from this model on request."
            sorted_rows.refused.append(Refused(at + 1, "removed_before", reason, dict(row)))
        elif unknown and not options.new_classes:
            reason = f"The model has no class {sorted(unknown)[0]!r}."
            sorted_rows.refused.append(Refused(at + 1, "unknown_label", reason, dict(row)))
        else:
            kept = sorted_rows.examined if examines(hashed, options.exam) else sorted_rows.learned
            kept.pop(known, None)
            kept[known] = row
    if not sorted_rows.learned and not sorted_rows.examined and not sorted_rows.known:
        raise _nothing(sorted_rows.refused)
    return _with_schema(model, sorted_rows)


def examines(hashed: str, share: float) -> bool:
    """Whether rows that read this are kept for the exam, where such a share of rows is."""
    drawn = int.from_bytes(blake2b(hashed.encode(), digest_size=8, person=b"exam").digest(), "big")
    return drawn < share * 2.0**64


def _fingerprint(model: ModelState, rows: _Sorted) -> str:
    """SHA-256 over rows and their targets, in the order they came."""
    names, digest = model.columns.targets, sha256()
    for known, row in (*rows.learned.items(), *rows.examined.items()):
        said = [*known, {name: row.get(name) for name in names}]
        digest.update(json.dumps(said, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _with_schema(model: ModelState, rows: _Sorted) -> Lesson:
    """What the learned rows add to the schema: classes, and how many rows there are of each.

    The range of numbers stays: it is the unit that targets were encoded in.
    """
    task, old = model.learner.task, model.schema
    learned, examined = list(rows.learned.values()), list(rows.examined.values())
    parts, data = (tuple(rows.refused), tuple(rows.known)), _fingerprint(model, rows)
    columns: list[int | None] = list(range(task.outputs(old)))
    if not learned or not old.labels:
        return Lesson(learned, examined, old, columns, *parts, (), data)
    found = task.schema([task.target(row, model.columns) for row in learned])
    counts = dict(zip(found.labels, found.counts, strict=True))
    before = dict(zip(old.labels, old.counts, strict=True))
    new = tuple(label for label in found.labels if label not in before)
    labels = (*old.labels, *new)
    added = tuple(before.get(label, 0) + counts.get(label, 0) for label in labels)
    schema = replace(old, labels=labels, counts=added)
    columns += [None] * len(new)
    return Lesson(learned, examined, schema, columns, *parts, new, data)


def _labels_of(target: Any) -> Sequence[str]:
    """The labels of a raw target, where it has any."""
    label = getattr(target, "label", None)
    if label is not None:
        return (label,)
    return tuple(target) if isinstance(target, tuple | frozenset | set | list) else ()


def _nothing(refused: Sequence[Refused]) -> DataError:
    return DataError(
        "No row can be learned from.",
        place="the rows given",
        expected="rows with an input and a target",
        found=f"row {refused[0].row}: {refused[0].reason}" if refused else "no rows",
        remedy="mend the rows, or give others",
    )
