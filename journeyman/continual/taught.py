"""A model that was taught: the new one, and the update that led to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journeyman.continual.update import Update
from journeyman.data.record import Refused
from journeyman.evaluation.scope import Scope
from journeyman.heads.base import SolvedHead
from journeyman.model_state import ModelState
from journeyman.tasks.base import Schema
from journeyman.training.exam import Exam
from journeyman.training.learner import Learner
from journeyman.training.scoping import LeftOut, asked_scope, drawn

CALIBRATED_ROWS = 500
"""Learned rows that a calibration after an update is made from."""


@dataclass(frozen=True)
class Taught:
    """The new state of a model, not saved yet, and its update; the old model is as it was.

    `refused` are rows that could not be used, with reasons.
    """

    state: ModelState
    update: Update
    refused: Sequence[Refused] = ()


def successor(
    model: ModelState,
    learner: Learner,
    schema: Schema,
    exam: Exam,
    calibration: Mapping[str, Any],
    *,
    added: int = 0,
    removed: int = 0,
) -> ModelState:
    """The model after an update: same name and columns, its parent named, nothing left on disk."""
    about = dict(model.about)
    rows = dict(about.get("rows", {}))
    rows["learned"] = int(rows.get("learned", 0)) + added
    rows["removed"] = int(rows.get("removed", 0)) + removed
    about |= {"rows": {name: count for name, count in rows.items() if count}}
    about |= {"parent": model.version or None}
    about.pop("test", None)
    return ModelState(
        name=model.name,
        learner=learner,
        schema=schema,
        columns=model.columns,
        calibration=calibration,
        about=about,
        exam=exam,
    )


def recalibrated(model: ModelState, learner: Learner, schema: Schema) -> dict[str, Any]:
    """What turns outputs into answers after an update, from rows that were left out in turn.

    Each of a sample of learned rows is answered by the head that all others make, in closed form;
    which rows follows from their ids alone. Where features have seen the labels, or no ledger is
    kept, the calibration stays as it was.
    """
    kept, task, ledger = dict(model.calibration), learner.task, learner.ledger
    if "scope" in kept:
        kept["scope"] = Scope.from_json(kept["scope"]).of_labels(schema.labels).to_json()
    head = learner.head
    if ledger is None or learner.tuner.trains or not isinstance(head, SolvedHead):
        return kept
    if task.kind not in ("label", "labels", "value"):
        return kept
    lines = ledger.sample(CALIBRATED_ROWS)
    given = ledger.entries(lines)
    outputs = head.left_out(given.layers, given.targets) if len(given) else None
    if outputs is None:
        return kept
    targets = [task.raw(target, schema) for target in given.targets]
    wanted = kept.get("target_accuracy")
    found = task.calibrate(list(outputs.numpy()), targets, schema, wanted)
    if "scope" in kept and len(given) > len(lines):  # Rows are like their own views.
        found["scope"] = kept["scope"]
    elif (options := asked_scope(kept)) is not None:
        rows = LeftOut.of(learner, schema, given, outputs)
        found |= drawn(options, rows, schema, found)
    return {**found, **({"balance": kept["balance"]} if "balance" in kept else {})}
