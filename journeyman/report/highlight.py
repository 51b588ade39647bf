"""An example's text cut at its weighted words, each with a shade by sign and size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from journeyman.report.numbers import MINUS, finite, number
from journeyman.section import Example, Mark

SHADES = 5
"""Steps of a colour; the strongest word of an example has the last."""
_FAINTEST = 0.06
_MOST_WORDS = 6


@dataclass(frozen=True)
class Piece:
    """A stretch of text; `shade` is 0 for plain, up to ±5 with the sign of `weight`."""

    text: str
    shade: int = 0
    weight: str = ""

    @property
    def style(self) -> str:
        """The CSS class: f1 to f5 for the answer, a1 to a5 against it."""
        return f"{'f' if self.shade > 0 else 'a'}{abs(self.shade)}" if self.shade else ""


@dataclass(frozen=True)
class Highlight:
    """The pieces in reading order, and the strongest words of each sign in words."""

    pieces: tuple[Piece, ...]
    supporting: str
    opposing: str


def highlight(example: Example) -> Highlight:
    """Cut `example`; spans outside the text, overlapping an earlier one or faint are skipped."""
    spans = list(_spans(example))
    strongest = max((abs(weight) for _, _, weight in spans), default=0.0)
    spans = [span for span in spans if abs(span[2]) >= _FAINTEST * strongest]
    pieces, end = [], 0
    for start, stop, weight in spans:
        if start > end:
            pieces.append(Piece(example.text[end:start]))
        shade = math.copysign(math.ceil(SHADES * (abs(weight) / strongest)), weight)
        pieces.append(Piece(example.text[start:stop], int(shade), signed(weight)))
        end = stop
    if end < len(example.text):
        pieces.append(Piece(example.text[end:]))
    words = [(weight, example.text[start:stop]) for start, stop, weight in spans]
    return Highlight(
        tuple(pieces),
        _listed(sorted((w for w in words if w[0] > 0), key=lambda w: -w[0])),
        _listed(sorted((w for w in words if w[0] < 0), key=lambda w: w[0])),
    )


def cut_at(text: str, marks: Sequence[Mark]) -> tuple[tuple[str, Mark | None], ...]:
    """The text in pieces, each with the mark it stands under, if any; of marks that overlap, and of
    those beyond a text that was cut, only what is left."""
    pieces: list[tuple[str, Mark | None]] = []
    end = 0
    for mark in sorted(marks, key=lambda mark: (mark.start, mark.end)):
        start, stop = max(mark.start, end), min(mark.end, len(text))
        if start < stop:
            pieces += [(text[end:start], None)] * (start > end)
            pieces.append((text[start:stop], mark))
            end = stop
    return (*pieces, (text[end:], None)) if end < len(text) else tuple(pieces)


def _spans(example: Example) -> Iterator[tuple[int, int, float]]:
    end = 0
    for start, stop, weight in sorted(example.spans, key=lambda span: span[:2]):
        stop = min(stop, len(example.text))
        if start >= end and stop > start and finite(weight):
            yield start, stop, weight
            end = stop


def _listed(words: list[tuple[float, str]]) -> str:
    return ", ".join(f"{text} {signed(weight)}" for weight, text in words[:_MOST_WORDS])


def signed(weight: float) -> str:
    """A weight with its sign, to the hundredth, or two significant digits where too small."""
    size = abs(weight)
    shown = f"{size:.2f}" if 0.01 <= size < 100 else number(float(f"{size:.2g}"))
    return f"{MINUS if weight < 0 else '+'}{shown}"
