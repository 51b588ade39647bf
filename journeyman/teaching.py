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
from journeyman.backbones.text_encoder import Text
from journeyman.continual.holdings import solved_head
from journeyman.continual.learning import learn
from journeyman.continual.lesson import Known
from journeyman.continual.named import Named
from journeyman.continual.options import UpdateOptions
from journeyman.continual.unlearning import unlearn
from journeyman.continual.update import Update
from journeyman.data.quarantine import write_refused
from journeyman.data.questions import labelled_rows, questions_in
from journeyman.data.record import Refused
from journeyman.errors import DataError
from journeyman.files import write_text
from journeyman.forgetting import forget_in_versions, versions_with
from journeyman.model import Model
from journeyman.model_questions import QuestionReader
from journeyman.progress import QUIET, Reporter
from journeyman.saved.folder import awaited_backbone
from journeyman.saved.manifest import ENSEMBLE
from journeyman.traces.purge import Removed, announce, broken_off, known_rows, purge
from journeyman.types import Row
from journeyman.versions.reference import model_store
from journeyman.versions.store import CURRENT, Store
from journeyman.versions.taught import keep_taught


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
    removed: Callable[[str], bool] = (lambda _: False) if again else store.removals()
    taught = learn(
        model,
        rows,
        options,
        origin=Path(file).stem if origin is None else origin,
        removed=removed,
        unusable=refused,
        reporter=reporter,
    )
    update = keep_taught(store, taught, model.folder)
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
    store = model_store(reference)
    folder = store.serving or store.load(CURRENT)
    model = _read_in(folder)
    solved_head(model)  # The ledger too, without which ids and classes are not known.
    named, texts = _named(model, ids, file, label)
    asked = Removed.of(named.ids, named.inputs, texts)
    known = known_rows(folder, asked)
    named = replace(named, ids=known.ids, inputs=known.inputs)
    held = versions_with(store, named, model.learner.plain)
    if not held and known == asked and not broken_off(folder):
        named.check(model)
        raise named.unknown(model)
    taught = unlearn(model, named, options) if any(each.version.current for each in held) else None
    rows = frozenset[Known]().union(*(each.rows for each in held))
    known = known.joined(Removed(frozenset(i for i, _ in rows), frozenset(h for _, h in rows)))
    announce(folder, known)
    store.record_removal(store.current or "", sorted(known.ids | known.inputs), label or "row")
    found = forget_in_versions(store, held, named, options, taught, model.learner.plain)
    done = purge(store.serving or store.load(CURRENT), known)
    update = found.update
    if update is None:
        update = Update("unlearn", model.name, store.current or "", None, accepted=True)
    return Outcome(update, None, found.rebuilt, found.purged, done.places, done.left)


def _read_in(folder: Path) -> Model:
    """The model in `folder`. What it keeps of its rows is enough to forget them, so its backbone
    is read only where there is too little."""
    if (folder / ENSEMBLE).is_file():
        return load(folder).single()
    return Model.load(folder, awaited_backbone(folder))


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


def _named(
    model: Model, ids: Sequence[str], file: str | None, label: str | None
) -> tuple[Named, list[str]]:
    """What is asked for, and what rows of a file read."""
    rows: Sequence[Row] = ()
    texts: Sequence[Text] = ()
    if file is not None and model.learner.ledger is None:
        rows = labelled_rows(file, model.columns, model.learner.task.kind)[0]
    elif file is not None:
        texts = _read(file, model)
    named = Named.of(model, rows, ids, label, texts)
    read = [*texts, *(model.learner.task.text(row, model.columns) for row in rows)]
    parts = [text if isinstance(text, tuple) else (text,) for text in read]
    return named, [str(part) for text in parts for part in text]


def _read(file: str, model: Model) -> Sequence[Text]:
    """What the rows of a file read; their targets are not asked for. Raises DataError for a row
    that cannot be read: who is to be forgotten must not be passed over."""
    reader = QuestionReader(model.columns, model.learner.task.unit)
    texts, _, failed = reader.read(list(questions_in(file, model.columns)))
    for answer in failed.values():
        raise DataError(
            "A row that is to be forgotten cannot be read.",
            place=f"{file}, {answer.error['place']}",
            expected=answer.error["expected"],
            found=answer.error["found"],
            remedy=answer.error["remedy"],
        )
    return list(texts.values())
