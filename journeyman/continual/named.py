"""What is to be forgotten: rows by id or by what they read, or a whole class."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from journeyman.backbones.text_encoder import Text
from journeyman.errors import DataError, ModelError
from journeyman.model_state import ModelState
from journeyman.training.exam import Question
from journeyman.training.examples import content_ids
from journeyman.training.ledger import Ledger
from journeyman.types import Row


@dataclass(frozen=True)
class Named:
    """Rows by `ids`, `rows` themselves with a hash of what each reads (`inputs`), or a `label`."""

    ids: frozenset[str] = frozenset()
    rows: Sequence[Row] = ()
    inputs: frozenset[str] = frozenset()
    label: str | None = None

    @classmethod
    def of(
        cls,
        model: ModelState,
        rows: Sequence[Row] = (),
        ids: Iterable[str] = (),
        label: str | None = None,
        texts: Sequence[Text] = (),
    ) -> Named:
        """Rows as they were learned, or the `texts` they read; by ids as predictions and the ledger
        have them; or a class.

        Every row that reads the same as one of them goes with it. Raises DataError unless just one
        of these is given.
        """
        task, ids = model.learner.task, frozenset(ids)
        texts = [*texts, *(task.text(row, model.columns) for row in rows)]
        given = [name for name, said in (("rows", texts), ("ids", ids), ("a class", label)) if said]
        if len(given) != 1:
            raise DataError(
                "It is not clear what to forget." if given else "There is nothing to forget.",
                place="what is to be forgotten",
                expected="rows, or ids of rows, or a class (--rows FILE, --ids ID, --class LABEL)",
                found=" and ".join(given) or "none of them",
                remedy="give exactly one",
            )
        return cls(ids, rows, frozenset(content_ids(texts)), label)

    def check(self, model: ModelState) -> None:
        """Raise where the model cannot tell what is named: without a ledger, or without the
        class."""
        if self.label is not None:
            self._check_label(model)
        if model.learner.ledger is None and not self.rows:
            raise ModelError(
                "The model keeps no ledger, so it cannot find rows by id or class.",
                place=str(model.folder or model.name),
                expected="ledger.safetensors, which models of up to 80 MB of row vectors keep",
                found="no such file",
                remedy="give the rows themselves: --rows FILE",
            )

    def lines(self, ledger: Ledger, model: ModelState) -> list[int]:
        """Their lines in the ledger."""
        found = {*ledger.find(self.ids), *ledger.with_inputs(self.inputs)}
        if self.label in model.schema.labels and model.learner.task.kind != "labels":
            at = model.schema.labels.index(self.label)
            owner = ledger.owner[ledger.targets.argmax(1) == at]
            found |= set(owner.tolist())
        return sorted(found)

    def asks(self, question: Question, model: ModelState) -> bool:
        """Whether this exam row is to go."""
        if question.id in self.ids or question.inputs in self.inputs:
            return True
        if self.label is None or model.learner.task.kind == "labels":
            return False
        target = model.learner.task.target(question.row, model.columns)
        return bool(getattr(target, "label", None) == self.label)

    def unknown(self, model: ModelState) -> DataError:
        """What is told where the model has nothing of what is named."""
        ledger = model.learner.ledger
        known = [] if ledger is None else [line.id for line in ledger.lines]
        asked = sorted(self.ids or self.inputs)
        near = difflib.get_close_matches(asked[0], known, n=2) if asked else []
        return DataError(
            "The model has not learned what is to be forgotten.",
            place="the rows to remove",
            expected="rows that it learned, or is examined on",
            found=", ".join(asked[:5]) + (" ..." if len(asked) > 5 else ""),
            remedy=f"did you mean {' or '.join(near)}?"
            if near
            else "ids are those of `predict`: the id column, else a hash of the text",
        )

    def _check_label(self, model: ModelState) -> None:
        kind, labels = model.learner.task.kind, model.schema.labels
        if kind in ("label", "labels", "identity") and self.label in labels and len(labels) > 2:
            return
        near = difflib.get_close_matches(str(self.label), labels, n=2)
        shown = ", ".join(labels[:10]) + (" ..." if len(labels) > 10 else "")
        raise DataError(
            f"The model has no class {self.label!r} that it could forget.",
            place="the class to remove",
            expected=f"one of its classes, two of which must stay: {shown or 'it has none'}",
            found=repr(self.label),
            remedy=f"did you mean {' or '.join(near)}?" if near else "name one of the classes",
        )
