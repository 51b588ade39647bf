"""Forgetting in every version of a model: each that holds the rows is rebuilt, or goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from journeyman.backbones.base import Backbone
from journeyman.continual.holdings import exam_of, solved_head
from journeyman.continual.named import Named
from journeyman.continual.options import UpdateOptions
from journeyman.continual.taught import Taught
from journeyman.continual.unlearning import unlearn
from journeyman.continual.update import Update
from journeyman.errors import JourneymanError
from journeyman.model import Model
from journeyman.versions.store import Store


@dataclass(frozen=True)
class Forgotten:
    """What forgetting came to: the `update` of the version that serves (None where it held nothing
    of the rows), the versions `rebuilt` and `purged`, and the `ids` of all rows that left."""

    update: Update | None
    rebuilt: Sequence[str] = ()
    purged: Sequence[str] = ()
    ids: frozenset[str] = frozenset()


def forget_in_versions(
    store: Store, named: Named, options: UpdateOptions | None, backbone: Backbone
) -> Forgotten:
    """Rebuild each version that holds the rows, the one that serves first; all have one `backbone`.

    One that cannot be rebuilt is purged. Broken off, the same call goes on with what is left.
    """
    with store.alone():
        if not store.history() and store.serving is not None:
            store.take_in(store.serving)
        standing = sorted(
            (each for each in store.history() if each.stands), key=lambda each: not each.current
        )
        told: Update | None = None
        rebuilt: list[str] = []
        purged: list[str] = []
        gone: set[str] = set()
        for each in standing:
            state = Model.load(store.load(each.version), backbone)
            if not _holds(state, named):
                continue
            ids = _ids(state, named)
            taught = _without(state, named, options)
            if taught is None:
                update = Update("unlearn", state.name, "", each.version, accepted=True)
                store.replace(each.version, None, update)
                purged.append(each.version)
                continue
            new = store.replace(each.version, taught.state, taught.update)
            rebuilt.append(each.version)
            gone |= ids
            if each.current and new is not None:
                told = replace(taught.update, version=new.version)
        return Forgotten(told, rebuilt, purged, frozenset(gone))


def _holds(model: Model, named: Named) -> bool:
    """Whether a version has anything of what is named: in its ledger, its exam or its classes."""
    solved_head(model)
    if named.label is not None and named.label in model.schema.labels:
        return True
    exam = any(named.asks(question, model) for question in exam_of(model).questions)
    ledger = model.learner.ledger
    return exam or ledger is None or bool(named.lines(ledger, model))


def _ids(model: Model, named: Named) -> set[str]:
    """The ids of what is named, as a version knows them."""
    ledger = model.learner.ledger
    learned = [] if ledger is None else [ledger.lines[at].id for at in named.lines(ledger, model)]
    examined = [each.id for each in exam_of(model).questions if named.asks(each, model)]
    return {*learned, *examined}


def _without(model: Model, named: Named, options: UpdateOptions | None) -> Taught | None:
    """A version rebuilt; None where it cannot be, and must go."""
    try:
        return unlearn(model, named, options)
    except JourneymanError:
        return None
