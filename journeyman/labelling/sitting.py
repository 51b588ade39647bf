"""A sitting: rows that are shown one after another, and what each key does with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from journeyman.labelling.labels_file import LabelsFile
from journeyman.labelling.queue import Wanted
from journeyman.types import LabelPrediction

DIGITS = "123456789"
LETTERS = "abcdefghijklmoprtvwxyz"
"""Keys of labels beyond the ninth: all but those that mean something else."""
FIXED = 20
"""Labels up to which each has a key of its own; of more, the likeliest nine are on keys."""


@dataclass(frozen=True)
class Choice:
    """A label on a key, with its probability where the model gives one."""

    key: str
    label: str
    chance: float | None


@dataclass
class Sitting:
    """What is on the screen and what was done, without the screen.

    Keys come as `press`: single characters, or `enter`, `backspace`, `escape`. `finding` and
    `naming` are what was typed while a label is looked for, or a new one named; None otherwise.
    `fixed` says how many of the rows done can no longer be undone.
    """

    labels: Sequence[str]
    file: LabelsFile
    items: list[Wanted] = field(default_factory=list)
    at: int = 0
    done: list[bool] = field(default_factory=list)
    finding: str | None = None
    naming: str | None = None
    note: str = ""
    over: bool = False
    fixed: int = 0

    @property
    def item(self) -> Wanted | None:
        """The row that is shown; None where the next batch is wanted."""
        return self.items[self.at] if self.at < len(self.items) else None

    @property
    def given(self) -> int:
        """Labels given in this sitting."""
        return sum(self.done)

    @property
    def choices(self) -> list[Choice]:
        """What is on keys for the row shown, in the order shown."""
        item = self.item
        if item is None:
            return []
        scores = self._scores
        if self.finding is not None:
            shown, keys = self._found(self.finding), DIGITS
        elif len(self.labels) <= FIXED:
            shown, keys = list(self.labels), DIGITS + LETTERS
        else:
            shown, keys = self._likeliest(item), DIGITS
        return [
            Choice(key, label, scores.get(label)) for key, label in zip(keys, shown, strict=False)
        ]

    @property
    def guess(self) -> str | None:
        """The label the model would give."""
        answer = None if self.item is None else self.item.answer
        return answer.label if isinstance(answer, LabelPrediction) else None

    def press(self, key: str) -> None:
        """Do what a key means now."""
        self.note = ""
        if self.item is None:
            self.over |= key in ("q", "escape", "\x04")
        elif self.naming is not None:
            self._name(key)
        elif self.finding is not None:
            self._find(key)
        else:
            self._command(key)

    def extend(self, batch: Sequence[Wanted]) -> None:
        """Show these rows next."""
        self.items += batch

    def settle(self) -> None:
        """Take what was done so far as final: it has been learned."""
        self.fixed = len(self.done)

    def _command(self, key: str) -> None:
        if key in ("q", "escape", "\x04"):
            self.over = True
        elif key in ("s", " "):
            self._next(labelled=False)
        elif key in ("u", "backspace"):
            self._undo()
        elif key == "/":
            self.finding = ""
        elif key == "n":
            self.naming = ""
        elif key == "enter" and self.guess is not None:
            self._label(self.guess)
        else:
            self._by_key(key)

    def _by_key(self, key: str) -> None:
        label = next((one.label for one in self.choices if one.key == key), None)
        if label is not None:
            self._label(label)
        elif len(key) == 1 and key.isprintable():
            self.note = f"There is nothing on the key {key}."

    def _find(self, key: str) -> None:
        typed, found = self.finding or "", self.choices
        chosen = next((one for one in found if one.key == key), None)
        if key == "escape":
            self.finding = None
        elif key == "backspace":
            self.finding = typed[:-1] if typed else None
        elif key == "enter" and not found:
            self.note = "No label is called so. Escape leaves, then n makes a new one."
        elif chosen is not None or key == "enter":
            self._label((chosen or found[0]).label)
        elif len(key) == 1 and key.isprintable():
            self.finding = typed + key

    def _name(self, key: str) -> None:
        typed = self.naming or ""
        if key == "escape":
            self.naming = None
        elif key == "backspace":
            self.naming = typed[:-1] if typed else None
        elif key == "enter":
            if typed.strip():
                self._label(typed.strip())
            else:
                self.note = "A label needs a name."
        elif len(key) == 1 and key.isprintable():
            self.naming = typed + key

    def _label(self, label: str) -> None:
        item = self.item
        if item is None:
            return
        self.file.add(item, label)
        if label not in self.labels:
            self.labels = [*self.labels, label]
        self._next(labelled=True)
        self.note = f"Labelled {label}."

    def _next(self, *, labelled: bool) -> None:
        self.done.append(labelled)
        self.at += 1
        self.finding = self.naming = None

    def _undo(self) -> None:
        if self.at == 0:
            self.note = "There is nothing to undo."
        elif self.at <= self.fixed:
            self.note = "The rows before this one are learned; `journeyman unlearn` takes one back."
        else:
            self.at -= 1
            if self.done.pop():
                self.file.undo(self.items[self.at])
            self.note = "Undone."

    @property
    def _scores(self) -> Mapping[str, float]:
        answer = None if self.item is None else self.item.answer
        return answer.scores if isinstance(answer, LabelPrediction) else {}

    def _likeliest(self, item: Wanted) -> list[str]:
        """The nine likeliest labels; the one a suspect was given is among them."""
        scores = self._scores
        ranked = sorted(self.labels, key=lambda label: (-scores.get(label, 0.0), label))
        shown = ranked[: len(DIGITS)]
        if item.given in ranked and item.given not in shown:
            shown[-1] = item.given
        return shown

    def _found(self, typed: str) -> list[str]:
        """Labels in which all typed words stand; those that begin so first, then the likeliest."""
        scores, typed = self._scores, typed.casefold()
        words = typed.split()
        fits = [label for label in self.labels if all(word in label.casefold() for word in words)]

        def rank(label: str) -> tuple[bool, float, str]:
            return not label.casefold().startswith(typed), -scores.get(label, 0.0), label

        return sorted(fits, key=rank)
