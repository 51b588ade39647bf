"""Where the line is drawn between what a trained model knows and what it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeyman.evaluation.scope import Scope, ScopeMethod
from journeyman.heads.base import SolvedHead
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import Array, Schema
from journeyman.training.examples import Examples, FeatureSource
from journeyman.training.learner import Learner
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


def drawn(
    options: ScopeOptions | None,
    outputs: Sequence[Array],
    labels: Sequence[str],
    schema: Schema,
    calibration: Mapping[str, Any],
    nearest: NDArray[np.float32] | None,
) -> dict[str, Any]:
    """What the calibration says of scope, by rows that were left out: nothing if not asked for.

    `labels` [N] are the rows' own; rows of other classes than the schema's are passed over.
    """
    place = {label: at for at, label in enumerate(schema.labels)}
    rows = [at for at, label in enumerate(labels) if label in place]
    if options is None or not rows:
        return {}
    method: ScopeMethod = options.method
    found = Scope.calibrated(
        method,
        options.recall,
        np.stack([outputs[at] for at in rows]).astype(np.float64),
        np.array([place[labels[at]] for at in rows], dtype=np.intp),
        schema.labels,
        temperature=float(calibration.get("temperature", 1.0)),
        nearest=None if nearest is None else nearest[rows].astype(np.float64),
    )
    return {"scope": found.to_json()}


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
    """The same by learned rows where the head can leave each out, else by validation rows, whose
    `outputs` were made before they were learned."""
    anew = drawn_anew(options, learner, schema, calibration)
    about = learner, schema, validation, source, outputs, calibration
    return anew or drawn_by(options, *about, reporter)


def drawn_anew(
    options: ScopeOptions | None,
    learner: Learner,
    schema: Schema,
    calibration: Mapping[str, Any],
) -> dict[str, Any]:
    """The same by learned rows, each answered by the head that all others make.

    Nothing where features have seen the labels, rows are views of others, or it is not known what
    the head learned.
    """
    head, ledger = learner.head, learner.ledger
    if options is None or ledger is None or learner.tuner.trains:
        return {}
    if not isinstance(head, SolvedHead) or head.views:
        return {}
    given = ledger.entries(ledger.sample(DRAWN_BY))
    head.resolve(keep=True)
    outputs = head.left_out(given.layers, given.targets) if len(given) else None
    if outputs is None:
        return {}
    targets = [learner.task.raw(target, schema) for target in given.targets]
    labels, near = learner.task.plain([], targets)[1], head.nearest(given.layers, own=True)
    nearest = None if near is None else near.numpy()
    return drawn(options, list(outputs.numpy()), labels, schema, calibration, nearest)


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
    """The same by examples, whose `outputs` were made without them; they may be learned since."""
    if options is None or not len(rows):
        return {}
    said = learner.said(rows, source, reporter, nearest=True, own=True)
    labels = learner.task.plain(rows.texts, rows.targets)[1]
    return drawn(options, outputs, labels, schema, calibration, said.nearest)
