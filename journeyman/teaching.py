"""A model in its place, taught and made to forget: its versions kept, and traces taken away.

What `journeyman learn` and `journeyman unlearn` do. A new version is written whole before it
serves, so a kill at any moment leaves the one before, and the same command completes the rest.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from journeyman.api import load
from journeyman.continual.holdings import solved_head
from journeyman.continual.learning import learn
from journeyman.continual.named import Named
from journeyman.continual.options import UpdateOptions
from journeyman.continual.taught import Taught
from journeyman.continual.update import Update
from journeyman.data.quarantine import write_refused
from journeyman.data.questions import labelled_rows
from journeyman.data.record import Refused
from journeyman.errors import DataError
from journeyman.files import write_text
from journeyman.forgetting import forget_in_versions
from journeyman.model import Model
from journeyman.model_reference import model_store
from journeyman.progress import QUIET, Reporter
from journeyman.traces.purge import Purged, Removed, known_rows, purge
from journeyman.versions.store import Store


@dataclass(frozen=True)
class Outcome:
    """What an update came to: its record, and what was done beside it.

    `quarantine` is the file of rows that could not be used; `rebuilt` and `purged` are earlier
    versions that held rows which were removed; `traces` counts what was taken away by place, and
    `left` names files that still hold a row.
    """

    update: Update
    quarantine: Path | None = None
    rebuilt: Sequence[str] = ()
    purged: Sequence[str] = ()
    traces: dict[str, int] = field(default_factory=dict)
    left: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """The update's fields, and those of what was done beside it where anything was."""
        said = self.update.to_json()
        if self.quarantine is not None:
            said["quarantine"] = str(self.quarantine)
        if self.update.kind == "unlearn":
            said |= {"rebuilt": list(self.rebuilt), "purged": list(self.purged)}
            said |= {"traces": self.traces, "left": list(self.left)}
        return said


def teach(
    reference: str | Path,
    file: str,
    options: UpdateOptions | None = None,
    *,
    origin: str | None = None,
    again: bool = False,
    reporter: Reporter = QUIET,
) -> Outcome:
    """Teach the model that a reference names the rows of a file; it serves if the gate lets it.

    `origin` names what the rows are, the file's own name when absent. Rows that were once removed
    on request are set aside, unless they are wanted `again`. Raises ModelError for a model that
    cannot be taught, DataError where nothing can be learned.
    """
    store, model = model_store(reference), load(reference).single()
    rows, refused = labelled_rows(file, model.columns, model.learner.task.kind)
    removed: Callable[[str], bool] = (lambda _: False) if again else store.was_removed
    taught = learn(
        model,
        rows,
        options,
        origin=Path(file).stem if origin is None else origin,
        removed=removed,
        unusable=refused,
        reporter=reporter,
    )
    update = _kept(store, taught, model.folder)
    return Outcome(update, _set_aside(store, update, file, taught.refused))


def forget(
    reference: str | Path,
    *,
    ids: Sequence[str] = (),
    file: str | None = None,
    label: str | None = None,
    options: UpdateOptions | None = None,
) -> Outcome:
    """Have a model, all its versions and all that is kept of them forget rows, or a class.

    Each version that holds the rows is rebuilt without them, or purged where it cannot be; the
    one that serves goes on serving, rebuilt. Raises ModelError for a model that cannot give up
    rows, DataError where nothing of them is known.
    """
    store, model = model_store(reference), load(reference).single()
    solved_head(model)  # The ledger too, without which ids and classes are not known.
    named = _named(model, ids, file, label)
    folder = store.serving
    known = Removed.of(named.ids, named.inputs, _texts(model, named))
    known = known if folder is None else known_rows(folder, known)
    named = replace(named, ids=known.ids, inputs=known.inputs)
    found = forget_in_versions(store, named, options, model.learner.plain)
    update, known = found.update, known.joined(Removed(ids=found.ids))
    store.record_removal(store.current or "", sorted(known.ids | known.inputs), label or "row")
    done = Purged() if folder is None else purge(folder, known)
    if update is None and not any(done.places.values()):
        named.check(model)
        raise named.unknown(model)
    if update is None:
        update = Update("unlearn", model.name, store.current or "", None, accepted=True)
    return Outcome(update, None, found.rebuilt, found.purged, done.places, done.left)


def _kept(store: Store, taught: Taught, came_from: Path | None) -> Update:
    """The version kept, and serving where the gate lets it."""
    update = taught.update
    with store.alone():
        version = store.add(taught.state, update, came_from)
        if update.accepted:
            store.promote(version.version)
        else:
            store.refuse(version.version, *update.reasons)
    return replace(update, version=version.version)


def _set_aside(store: Store, update: Update, file: str, refused: Sequence[Refused]) -> Path | None:
    """Write rows that could not be used beside the model, with reasons; none, no file."""
    if not refused or store.serving is None:
        return None
    lines = io.StringIO()
    for each in refused:
        write_refused(lines, file, each)
    path = store.serving.parent / f"quarantine-{update.version}.jsonl"
    write_text(path, lines.getvalue())
    return path


def _named(model: Model, ids: Sequence[str], file: str | None, label: str | None) -> Named:
    """What is asked for, in exactly one way."""
    given = [name for name, said in (("--ids", ids), ("--rows", file), ("--class", label)) if said]
    if len(given) != 1:
        raise DataError(
            "It is not clear what to forget." if given else "There is nothing to forget.",
            place="the command's arguments",
            expected="one of --rows FILE, --ids ID or --class LABEL",
            found=" and ".join(given) or "none of them",
            remedy="give exactly one",
        )
    if file is not None:
        return Named.by_rows(model, labelled_rows(file, model.columns, model.learner.task.kind)[0])
    return Named(label=label) if label is not None else Named.by_ids(ids)


def _texts(model: Model, named: Named) -> list[str]:
    """What the rows read, where they are at hand."""
    task, texts = model.learner.task, []
    for row in named.rows:
        text = task.text(row, model.columns)
        texts += list(text) if isinstance(text, tuple) else [str(text)]
    return texts
