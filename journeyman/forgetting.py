"""Forgetting in every version of a model: each that holds the rows is rebuilt, or goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from journeyman.backbones.base import Backbone
from journeyman.continual.holdings import exam_of, solved_head
from journeyman.continual.lesson import Known
from journeyman.continual.named import Named
from journeyman.continual.options import UpdateOptions
from journeyman.continual.taught import Taught
from journeyman.continual.unlearning import unlearn
from journeyman.continual.update import Update
from journeyman.errors import DataError
from journeyman.model import Model
from journeyman.versions.store import Store
from journeyman.versions.version import Version


@dataclass(frozen=True)
class Forgotten:
    """What forgetting came to: the `update` of the version that serves (None where it held nothing
    of the rows), and the versions `rebuilt` and `purged`."""

    update: Update | None
    rebuilt: Sequence[str] = ()
    purged: Sequence[str] = ()


@dataclass(frozen=True)
class Holding:
    """A version that holds some of what is named: the rows, each by id and by a hash of what it
    reads. None where it has a class of that name alone, or keeps no ledger to tell."""

    version: Version
    rows: frozenset[Known] = frozenset()


def versions_with(store: Store, named: Named, backbone: Backbone) -> list[Holding]:
    """Every version that holds what is named, or cannot tell, the one that serves first; all have
    one `backbone`."""
    found = []
    with store.alone():
        for each in _standing(store):
            model = Model.load(store.load(each.version), backbone)
            solved_head(model)
            ledger = model.learner.ledger
            exam = exam_of(model).questions
            rows = {(row.id, row.inputs) for row in exam if named.asks(row, model)}
            if ledger is not None:
                lines = (ledger.lines[at] for at in named.lines(ledger, model))
                rows |= {(line.id, line.inputs) for line in lines}
            if rows or ledger is None or named.label in model.schema.labels:
                found.append(Holding(each, frozenset(rows)))
    return found


def forget_in_versions(
    store: Store,
    held: Sequence[Holding],
    named: Named,
    options: UpdateOptions | None,
    taught: Taught | None,
    backbone: Backbone,
) -> Forgotten:
    """Rebuild each version that holds the rows, the one that serves first.

    `taught` is what becomes of the one that serves. An earlier one that cannot be rebuilt, or
    cannot say whether it learned them, is purged. Broken off, the same call goes on with what is
    left.
    """
    told: Update | None = None
    rebuilt: list[str] = []
    purged: list[str] = []
    with store.alone():
        for name, current in [(each.version.version, each.version.current) for each in held]:
            made = taught if current else _without(store, name, named, options, backbone)
            if made is not None:
                new = store.replace(name, made.state, made.update)
                rebuilt.append(name)
                told = replace(made.update, version=new.version) if current and new else told
            elif not current:
                update = Update("unlearn", "", "", name, accepted=True)
                store.replace(name, None, update)
                purged.append(name)
    return Forgotten(told, rebuilt, purged)


def _standing(store: Store) -> list[Version]:
    """The versions that stand, the one that serves first."""
    if not store.history() and store.serving is not None:
        store.take_in(store.serving)
    standing = (each for each in store.history() if each.stands)
    return sorted(standing, key=lambda each: not each.current)


def _without(
    store: Store, version: str, named: Named, options: UpdateOptions | None, backbone: Backbone
) -> Taught | None:
    """An earlier version rebuilt; None where it must go, as it keeps no ledger to know the rows by,
    or nothing of it would be left."""
    model = Model.load(store.load(version), backbone)
    solved_head(model)
    if model.learner.ledger is None:
        return None
    try:
        return unlearn(model, named, options)
    except DataError:
        return None
