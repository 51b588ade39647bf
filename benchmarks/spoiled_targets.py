"""Tags and boxes with mistakes planted in some rows, and what was planted where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from journeyman.evaluation.spans import Span
from journeyman.tasks.bio import OUTSIDE, spans_of
from journeyman.types import LabelledBox

Tags = tuple[str, ...]
Boxes = tuple[LabelledBox, ...]

LONGEST = 2
"""Words of a span that is made up."""


def spoiled_tags(
    rows: Sequence[Tags], types: Sequence[str], share: float, seed: int
) -> tuple[list[Tags], dict[int, str]]:
    """The rows, of which this share has one mistake each, and the kind of mistake by row.

    There are as many of each kind, where rows have room for so many.
    """
    draw = np.random.default_rng(seed)
    found, planted = list(rows), dict[int, str]()
    left = dict.fromkeys(TAG_MISTAKES, round(share * len(rows) / len(TAG_MISTAKES)))
    for at in draw.permutation(len(rows)).tolist():
        for kind in draw.permutation([kind for kind in left if left[kind]]).tolist():
            changed = TAG_MISTAKES[kind](spans_of(rows[at]), len(rows[at]), types, draw)
            if changed is not None:
                found[at], planted[at] = _tagged(changed, len(rows[at])), kind
                left[kind] -= 1
                break
    return found, planted


def _tagged(spans: Sequence[Span], words: int) -> Tags:
    tags = [OUTSIDE] * words
    for first, end, kind in spans:
        tags[first:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - first - 1)]
    return tuple(tags)


Mistake = Callable[[list[Span], int, Sequence[str], np.random.Generator], list[Span] | None]


def _retyped(
    spans: list[Span], words: int, types: Sequence[str], draw: np.random.Generator
) -> list[Span] | None:
    if not spans or len(types) < 2:
        return None
    at = int(draw.integers(len(spans)))
    first, end, own = spans[at]
    spans[at] = (first, end, str(draw.choice([kind for kind in types if kind != own])))
    return spans


def _dropped(
    spans: list[Span], words: int, types: Sequence[str], draw: np.random.Generator
) -> list[Span] | None:
    if not spans:
        return None
    del spans[int(draw.integers(len(spans)))]
    return spans


def _shifted(
    spans: list[Span], words: int, types: Sequence[str], draw: np.random.Generator
) -> list[Span] | None:
    """One span with a word more or less at one end."""
    taken = {word for first, end, _ in spans for word in range(first, end)}
    ways: list[tuple[int, Span]] = []
    for at, (first, end, kind) in enumerate(spans):
        ways += [(at, (first + 1, end, kind)), (at, (first, end - 1, kind))] * (end - first > 1)
        ways += [(at, (first - 1, end, kind))] * (first > 0 and first - 1 not in taken)
        ways += [(at, (first, end + 1, kind))] * (end < words and end not in taken)
    if not ways:
        return None
    at, span = ways[int(draw.integers(len(ways)))]
    spans[at] = span
    return spans


def _made_up(
    spans: list[Span], words: int, types: Sequence[str], draw: np.random.Generator
) -> list[Span] | None:
    taken = {word for first, end, _ in spans for word in range(first, end)}
    length = int(draw.integers(1, LONGEST + 1))
    free = [
        first for first in range(words - length + 1)
        if not taken & set(range(first, first + length))
    ]  # fmt: skip
    if not free:
        return None
    first = int(draw.choice(free))
    return sorted([*spans, (first, first + length, str(draw.choice(list(types))))])


TAG_MISTAKES: Mapping[str, Mistake] = {
    "type changed": _retyped,
    "span dropped": _dropped,
    "bounds shifted": _shifted,
    "span made up": _made_up,
}


@dataclass(frozen=True)
class Planted:
    """A box of a row as it `was` and as it is `now`, None where it was dropped."""

    row: int
    kind: str
    was: LabelledBox
    now: LabelledBox | None


def spoiled_boxes(
    rows: Sequence[Boxes], labels: Sequence[str], share: float, seed: int
) -> tuple[list[Boxes], list[Planted]]:
    """The rows, with this share of all boxes dropped, moved or renamed, and which.

    A moved box lies where it overlaps itself by 0.2 to 0.5. Difficult boxes are left alone.
    """
    draw = np.random.default_rng(seed)
    every = [(row, at) for row, boxes in enumerate(rows) for at in range(len(boxes))]
    every = [(row, at) for row, at in every if not rows[row][at].difficult]
    chosen = draw.permutation(len(every))[: round(share * len(every))].tolist()
    found: list[list[LabelledBox | None]] = [list(boxes) for boxes in rows]
    planted: list[Planted] = []
    for turn, one in enumerate(chosen):
        row, at = every[one]
        box, kind = rows[row][at], BOX_MISTAKES[turn % len(BOX_MISTAKES)]
        if kind == "dropped":
            found[row][at] = None
        elif kind == "moved":
            found[row][at] = _moved(box, draw)
        else:
            others = [label for label in labels if label != box.label]
            found[row][at] = replace(box, label=str(draw.choice(others)))
        planted.append(Planted(row, kind, box, found[row][at]))
    return [tuple(box for box in boxes if box is not None) for boxes in found], planted


BOX_MISTAKES = ("dropped", "moved", "renamed")


def _moved(box: LabelledBox, draw: np.random.Generator) -> LabelledBox:
    """The box some way off in a random direction, as large as it was."""
    x, y, width, height = box.box
    while True:
        right, down = draw.uniform(-0.6, 0.6, 2)
        overlap = (1 - abs(right)) * (1 - abs(down))
        if 0.2 <= overlap / (2 - overlap) <= 0.5:
            moved = (max(x + right * width, 0.0), max(y + down * height, 0.0), width, height)
            return replace(box, box=moved)
