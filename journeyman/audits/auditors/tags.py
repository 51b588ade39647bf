"""A tag a word: held-out answers to every word, the likely true tags behind them, span by span."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from journeyman.audits.base import (
    AUDITORS,
    DIGITS,
    DUPLICATE,
    LABEL,
    Audit,
    AuditedRow,
    Auditor,
    Neighbour,
    Subject,
)
from journeyman.audits.held_words import Words, words_of_rows
from journeyman.audits.occurrences import ALIKE, Elsewhere, Occurrences
from journeyman.audits.tag_chances import LEAST, TrueTags, true_tags
from journeyman.errors import DataError
from journeyman.evaluation.intervals import Array
from journeyman.evaluation.span_doubts import SpanDoubt, span_doubts
from journeyman.evaluation.spans import Span
from journeyman.tasks.bio import best_path, forbidden, spans_of
from journeyman.tasks.token_classification import str_of
from journeyman.tasks.words import words_of
from journeyman.types import TargetKind

NOTHING = "no entity"
"""In place of a type where there is no span."""


@AUDITORS.register("tags")
class Tags(Auditor):
    """The posterior of each word's true tag (`audits/tag_chances.py`); a text is as doubtful as its
    most doubtful word (Wang and Mueller 2022, "Detecting label errors in token classification
    data"), and its spans are compared with the likeliest valid ones."""

    name = "tags"
    kinds: ClassVar[tuple[TargetKind, ...]] = ("tags",)

    def audit(self, subject: Subject) -> Audit:
        """Each text's spans against answers that have not learned the text."""
        _require_spans(subject)
        words = words_of_rows(subject)
        subject.reporter.say("  doubting tags")
        tags = len(subject.schema.labels)
        found = true_tags(words, tags, self.options.folds, subject.seed)
        rows = _Rows(subject, words, found, self.options.threshold, self.options.neighbours)
        told = tuple(rows.told())
        return Audit.of_parts("tags", told, "spans", NOTHING)


@dataclass(frozen=True)
class _Rows:
    """What is said of each row."""

    subject: Subject
    words: Words
    found: TrueTags
    threshold: float
    shown: int

    def told(self) -> Iterator[AuditedRow]:
        """Row after row."""
        given = [spans_of(tags) for tags in self.subject.examples.targets]
        elsewhere = Occurrences(given, self.words)
        for at, own in enumerate(given):
            likely, wrong = self._likely(at), self._of_words(at, self.wrong, 0.0)
            yield self._row(at, own, likely, wrong, elsewhere)

    @cached_property
    def wrong(self) -> Array:
        """[M] how likely each word's tag is wrong."""
        return self.found.wrong

    @cached_property
    def penalties(self) -> Array:
        """Of one tag after another."""
        return forbidden(self.subject.schema.labels)

    def _likely(self, at: int) -> list[Span]:
        """The spans of the likeliest valid tags; words that are not read keep theirs."""
        labels = self.subject.schema.labels
        tags = self.subject.examples.targets[at]
        posterior = self._of_words(at, self.found.posterior, 0.0)
        for word in np.flatnonzero(self.words.places[at] < 0):
            posterior[word, labels.index(tags[word])] = 1.0
        path = best_path(np.log(np.maximum(posterior, LEAST)), self.penalties)
        return spans_of([labels[tag] for tag in path])

    def _of_words(self, at: int, values: Array, unread: float) -> Array:
        """The values of all words of a row, of those that are read among all others."""
        places = self.words.places[at]
        found = np.full((len(places), *values.shape[1:]), unread)
        found[places >= 0] = values[places[places >= 0]]
        return found

    def _row(
        self, at: int, own: list[Span], likely: list[Span], wrong: Array, elsewhere: Occurrences
    ) -> AuditedRow:
        every = span_doubts(own, likely, wrong)
        doubts = [doubt for doubt in every if doubt.score >= self.threshold]
        score = float(wrong.max(initial=0.0))
        if not doubts:  # Words may be doubted that are no other spans: then the tags stand.
            score = min(score, self.threshold * (1 - 1e-6))
        text = str_of(self.subject.examples.texts[at])
        places = words_of(text)
        said = [(LABEL, _reason(doubt, text, places)) for doubt in doubts]
        near = self._near(at, own, doubts, elsewhere)
        said += [(DUPLICATE, reason) for reason, _ in near if reason]
        kept = _corrected(own, doubts)
        return self.subject.audited(
            at,
            given=[_told(span, text, places) for span in own],
            likely=[_told(span, text, places) for span in kept],
            suspect=bool(doubts),
            score=score,
            reasons=tuple(reason for _, reason in said),
            troubles=tuple(dict.fromkeys(trouble for trouble, _ in said)),
            neighbours=tuple(neighbour for _, neighbour in near)[: self.shown],
            parts=tuple(_part(doubt, text, places) for doubt in doubts),
        )

    def _near(
        self, at: int, own: Sequence[Span], doubts: Sequence[SpanDoubt], elsewhere: Occurrences
    ) -> list[tuple[str, Neighbour]]:
        """Other rows with the same words, and what is to be said of those tagged otherwise."""
        found: list[tuple[str, Neighbour]] = []
        other = elsewhere.same(at)
        if other is not None:
            who = f"row {self.subject.examples.ids[other]}"
            neighbour = self._neighbour(Elsewhere(other, "other tags", 1.0))
            found.append((f"{who} reads the same and is tagged otherwise", neighbour))
        for first, end, label in own:
            if not any(map(str.isalnum, "".join(self.words.texts[at][first:end]))):
                continue
            for one in elsewhere.of(at, first, end):
                if one.similarity >= ALIKE and one.label != label:
                    quoted = " ".join(self.words.texts[at][first:end])
                    told = f"row {self.subject.examples.ids[one.row]} has “{quoted}” as "
                    found.append((f"{told}{one.label or NOTHING}", self._neighbour(one)))
                    break
        for doubt in doubts:
            places = elsewhere.of(at, *doubt.words)[: self.shown]
            found += [("", self._neighbour(one)) for one in places]
        return list({each[1].id: each for each in reversed(found)}.values())[::-1]

    def _neighbour(self, one: Elsewhere) -> Neighbour:
        subject = self.subject
        return Neighbour(
            subject.examples.ids[one.row],
            one.label or NOTHING,
            subject.text(one.row),
            one.similarity,
        )


def _corrected(own: Sequence[Span], doubts: Sequence[SpanDoubt]) -> list[Span]:
    """The spans as given, but for those in doubt and those that likely ones reach into."""
    gone = {doubt.given for doubt in doubts}
    new = [doubt.likely for doubt in doubts if doubt.likely is not None]
    taken = {word for first, end, _ in new for word in range(first, end)}
    kept = [span for span in own if span not in gone and not taken & set(range(*span[:2]))]
    return sorted([*kept, *new])


def _told(span: Span | None, text: str, places: Sequence[tuple[int, int]]) -> Any:
    """A span as it is written: code points of the text, the end exclusive; None of none."""
    if span is None:
        return None
    start, end = places[span[0]][0], places[span[1] - 1][1]
    return {"start": start, "end": end, "text": str(text[start:end]), "label": span[2]}


def _part(doubt: SpanDoubt, text: str, places: Sequence[tuple[int, int]]) -> dict[str, Any]:
    return {
        "kind": doubt.kind,
        "given": _told(doubt.given, text, places),
        "likely": _told(doubt.likely, text, places),
        "score": round(doubt.score, DIGITS),
    }


def _reason(doubt: SpanDoubt, text: str, places: Sequence[tuple[int, int]]) -> str:
    """What is doubted of a span, in words."""
    own, likely = (_told(span, text, places) for span in (doubt.given, doubt.likely))
    if own is None:
        return f"{doubt.kind}: “{likely['text']}” is likely {likely['label']}"
    if likely is None:
        return f"{doubt.kind}: “{own['text']}” is given as {own['label']}"
    if doubt.kind == "wrong type":
        return f"{doubt.kind}: “{own['text']}” is likely {likely['label']}, not {own['label']}"
    told = f"{doubt.kind}: likely “{likely['text']}”, not “{own['text']}”"
    return told if own["label"] == likely["label"] else f"{told}, and {likely['label']}"


def _require_spans(subject: Subject) -> None:
    if len(subject.schema.labels) > 1:
        return
    raise DataError(
        "No word of any row is tagged, so there is nothing to audit.",
        place=subject.places[0][0],
        expected="rows of words with tags such as B-PER and I-PER",
        found="O alone",
        remedy="name the column of tags: data.tags in a recipe",
    )
