"""Where spans as given and spans as they likely are differ, and in what way.

Shapes: W words of one text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from journeyman.evaluation.intervals import Array
from journeyman.evaluation.spans import Span

MISSED, TYPE, BOUNDS, NONE = "missed entity", "wrong type", "wrong bounds", "not an entity"
Kind = Literal["missed entity", "wrong type", "wrong bounds", "not an entity"]


@dataclass(frozen=True)
class SpanDoubt:
    """One difference: the span as `given` and as `likely`, of which one may be none.

    `score` is the largest probability, among the words that are tagged otherwise, that the tag as
    given is wrong.
    """

    kind: Kind
    given: Span | None
    likely: Span | None
    score: float

    @property
    def words(self) -> tuple[int, int]:
        """The first word of both and one past the last."""
        spans = [span for span in (self.given, self.likely) if span is not None]
        return min(span[0] for span in spans), max(span[1] for span in spans)


def span_doubts(
    given: Sequence[Span], likely: Sequence[Span], wrong: Array
) -> tuple[SpanDoubt, ...]:
    """Every difference, the most doubtful first; `wrong` [W] is the doubt of each word's tag.

    A span as given goes with the likely one that shares most of its words.
    """
    same = set(given) & set(likely)
    own = [span for span in given if span not in same]
    other = [span for span in likely if span not in same]
    found = sorted(_paired(own, other, wrong), key=lambda doubt: -doubt.score)
    return tuple(found)


def _paired(own: list[Span], other: list[Span], wrong: Array) -> Iterator[SpanDoubt]:
    pairs = [(shared, one, two) for one in own for two in other if (shared := _shared(one, two))]
    for _, one, two in sorted(pairs, key=lambda pair: -pair[0]):
        if one in own and two in other:
            own.remove(one)
            other.remove(two)
            if one[:2] == two[:2]:
                yield SpanDoubt("wrong type", one, two, _most(wrong, set(range(*one[:2]))))
            else:
                yield SpanDoubt("wrong bounds", one, two, _most(wrong, _apart(one, two)))
    for span in own:
        yield SpanDoubt("not an entity", span, None, _most(wrong, set(range(*span[:2]))))
    for span in other:
        yield SpanDoubt("missed entity", None, span, _most(wrong, set(range(*span[:2]))))


def _shared(one: Span, two: Span) -> float:
    """The share of the words of both that are in either's, of spans that meet."""
    common = min(one[1], two[1]) - max(one[0], two[0])
    whole = max(one[1], two[1]) - min(one[0], two[0])
    return max(common / whole, 0.0)


def _apart(one: Span, two: Span) -> set[int]:
    """Words that are tagged otherwise: in one alone, or where either begins; all of them where the
    type differs too."""
    words = set(range(min(one[0], two[0]), max(one[1], two[1])))
    if one[2] != two[2]:
        return words
    apart = set(range(*one[:2])) ^ set(range(*two[:2]))
    return apart | ({one[0], two[0]} if one[0] != two[0] else set())


def _most(wrong: Array, words: set[int]) -> float:
    return max((float(wrong[word]) for word in words if word < len(wrong)), default=0.0)
