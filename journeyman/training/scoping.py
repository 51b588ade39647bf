"""Where the line is drawn between what a trained model knows and what it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from journeyman.evaluation.scope import Scope
from journeyman.heads.base import SolvedHead
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array, Schema
from journeyman.training.examples import Examples, FeatureSource
from journeyman.training.learner import Learner
from journeyman.training.ledger import Entries
from journeyman.training.scope_options import ScopeOptions

DRAWN_BY = 2000
"""Learned rows at most that the line is drawn by, each left out in turn."""


def asked_scope(calibration: Mapping[str, Any]) -> ScopeOptions | None:
    """What a model's calibration says was asked for; None where nothing was."""
    said = calibration.get("scope")
    return None if said is None else ScopeOptions(method=said["method"], recall=said["recall"])


def needs_nearest(calibration: Mapping[str, Any]) -> bool:
    """Whether answers need to know how near each row is to one that was learned from."""
    said = calibration.get("scope")
    return said is not None and said["nearest"] is not None


@dataclass(frozen=True)
class LeftOut:
    """N known rows as a model answers them that has not learned them: their outputs, their own
    labels, and how like each is to the nearest learned row [N], where the head keeps rows."""

    outputs: Sequence[Array]
    labels: Sequence[str]
    nearest: NDArray[np.float32] | None

    @classmethod
    def learned(cls, learner: Learner, schema: Schema, count: int = DRAWN_BY) -> LeftOut | None:
        """Learned rows, `count` at most, each answered by the head that all others make.

        None where features have seen the labels, rows are views of others, or it is not known what
        the head learned.
        """
        head, ledger = learner.head, learner.ledger
        if ledger is None or learner.tuner.trains:
            return None
        if not isinstance(head, SolvedHead) or head.views:
            return None
        given = ledger.entries(ledger.sample(count))
        head.resolve(keep=True)
        outputs = head.left_out(given.layers, given.targets) if len(given) else None
        return None if outputs is None else cls.of(learner, schema, given, outputs)

    @classmethod
    def of(cls, learner: Learner, schema: Schema, given: Entries, outputs: Tensor) -> LeftOut:
        """Learned rows by what the head was `given` of them, and their `outputs` [N, C]."""
        targets = [learner.task.raw(target, schema) for target in given.targets]
        near = learner.head.nearest(given.layers, own=True)
        return cls(
            list(outputs.numpy()),
            learner.task.plain([], targets)[1],
            None if near is None else near.numpy(),
        )

    @classmethod
    def asked(
        cls,
        learner: Learner,
        rows: Examples,
        source: FeatureSource,
        outputs: Sequence[Array],
        reporter: Reporter = QUIET,
    ) -> LeftOut:
        """Rows whose `outputs` were made before they were learned, if they were."""
        said = learner.said(rows, source, reporter, nearest=True, own=True)
        return cls(outputs, learner.task.plain(rows.texts, rows.targets)[1], said.nearest)


def drawn(
    options: ScopeOptions | None,
    rows: LeftOut,
    schema: Schema,
    calibration: Mapping[str, Any],
) -> dict[str, Any]:
    """What the calibration says of scope, by rows that were left out: nothing if not asked for.

    Rows of other classes than the schema's are passed over.
    """
    place = {label: at for at, label in enumerate(schema.labels)}
    known = [at for at, label in enumerate(rows.labels) if label in place]
    if options is None or not known:
        return {}
    found = Scope.calibrated(
        options.method,
        options.recall,
        np.stack([rows.outputs[at] for at in known]).astype(np.float64),
        np.array([place[rows.labels[at]] for at in known], dtype=np.intp),
        schema.labels,
        temperature=float(calibration.get("temperature", 1.0)),
        nearest=None if rows.nearest is None else rows.nearest[known].astype(np.float64),
    )
    return {"scope": found.to_json()}


def drawn_by(
    options: ScopeOptions | None,
    learner: Learner,
    schema: Schema,
    rows: Examples,
    source: FeatureSource,
    outputs: Sequence[Array],
    calibration: Mapping[str, Any],
    reporter: Reporter = QUIET,
) -> dict[str, Any]:
    """The same by examples, whose `outputs` were made before they were learned, if they were."""
    if options is None or not len(rows):
        return {}
    found = LeftOut.asked(learner, rows, source, outputs, reporter)
    return drawn(options, found, schema, calibration)


def scope_of(
    options: ScopeOptions | None,
    learner: Learner,
    schema: Schema,
    validation: Examples,
    source: FeatureSource,
    outputs: Sequence[Array],
    calibration: Mapping[str, Any],
    reporter: Reporter = QUIET,
) -> dict[str, Any]:
    """The same by learned rows where the head can leave each out, else by validation rows."""
    found = None if options is None else LeftOut.learned(learner, schema)
    if found is not None:
        return drawn(options, found, schema, calibration)
    about = learner, schema, validation, source, outputs, calibration
    return drawn_by(options, *about, reporter)
