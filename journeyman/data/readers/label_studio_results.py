"""What one annotation of Label Studio says: labels chosen, numbers, spans of a text, boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from journeyman.data.tokens import words_in

Results = Sequence[Mapping[str, Any]]
Span = tuple[int, int, str]

KINDS = {
    "choices": "label",
    "number": "value",
    "rating": "value",
    "labels": "tags",
    "rectanglelabels": "boxes",
}
"""Types of results that are read, and the kind of target each makes."""


class Unreadable(ValueError):
    """A result that cannot be used; its text says why."""


def chosen_in(results: Results) -> list[str]:
    """The labels chosen, in their order, each once."""
    said = [_value(one).get("choices") for one in results if one.get("type") == "choices"]
    labels = [label for each in said if isinstance(each, list) for label in each]
    return list(dict.fromkeys(str(label) for label in labels))


def number_in(results: Results) -> float | None:
    """The number given, None where there is none."""
    for one in results:
        for name in ("number", "rating"):
            said = _value(one).get(name)
            if isinstance(said, int | float) and not isinstance(said, bool):
                return float(said)
    return None


def boxes_in(results: Results) -> list[dict[str, Any]]:
    """The boxes in pixels; one that was turned is the upright box around it."""
    found = []
    for one in results:
        if one.get("type") == "rectanglelabels":
            labels = _value(one).get("rectanglelabels")
            if not isinstance(labels, list) or not labels:
                raise Unreadable("A box has no label")
            found.append({"box": _sides(one), "label": str(labels[0])})
    return found


def _sides(one: Mapping[str, Any]) -> list[float]:
    value = _value(one)
    numbers = [value.get(name) for name in ("x", "y", "width", "height")]
    numbers += [one.get(name) for name in ("original_width", "original_height")]
    read = [float(n) for n in numbers if isinstance(n, int | float) and math.isfinite(n)]
    if len(read) < 6:
        raise Unreadable("A box lacks its place, or the size of its picture")
    x, y, width, height, across, down = read
    left, top = x * across / 100, y * down / 100
    wide, high = width * across / 100, height * down / 100
    turned = math.radians(float(value.get("rotation") or 0.0))
    if not turned:
        return [left, top, wide, high]
    cosine, sine = math.cos(turned), math.sin(turned)
    corners = [(0.0, 0.0), (wide, 0.0), (0.0, high), (wide, high)]
    xs = [left + a * cosine - b * sine for a, b in corners]
    ys = [top + a * sine + b * cosine for a, b in corners]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def tagged(text: str, tokens: Any, results: Results) -> tuple[list[str], list[str]]:
    """The words of a text and a BIO tag for each, from the spans marked in it.

    The words are `tokens` where the task has them, else those of the text, cut where a span begins
    or ends within one. Of spans that overlap the earlier, longer one counts.
    """
    spans = _apart([_span(text, one) for one in results if one.get("type") == "labels"])
    places = _given(text, tokens)
    if places is None:
        places = _cut(list(words_in(text)), spans)
    if not places:
        raise Unreadable("The text has no word")
    tags, before = [], -1
    for start, end in places:
        at = next((i for i, span in enumerate(spans) if start < span[1] and end > span[0]), -1)
        mark = "I" if at == before else "B"
        tags.append("O" if at < 0 else f"{mark}-{spans[at][2]}")
        before = at
    return [text[start:end] for start, end in places], tags


def _span(text: str, one: Mapping[str, Any]) -> Span:
    """Where a span stands, in code points.

    Browsers count in units of UTF-16, other programs in code points: the span's own text tells
    which it was, and where it stands when line ends were counted otherwise.
    """
    value = _value(one)
    labels, start, end = (value.get(name) for name in ("labels", "start", "end"))
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start <= end:
        raise Unreadable("A span lacks its place")
    if not isinstance(labels, list) or not labels:
        raise Unreadable("A span lacks its label")
    label = "_".join(str(labels[0]).split())
    said = value.get("text")
    places = [_from_units(text, start, end), (start, end)]
    if not isinstance(said, str) or not said:
        return (*places[0], label)
    for place in places:
        if text[slice(*place)] == said:
            return (*place, label)
    near = [at for at in range(len(text)) if text.startswith(said, at)]
    if not near:
        raise Unreadable(f"The span {said[:40]!r} does not stand in the text")
    at = min(near, key=lambda at: abs(at - places[0][0]))
    return at, at + len(said), label


def _from_units(text: str, start: int, end: int) -> tuple[int, int]:
    units = text.encode("utf-16-le", "surrogatepass")
    first, last = (len(units[: 2 * at].decode("utf-16-le", "surrogatepass")) for at in (start, end))
    return first, last


def _apart(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(spans, key=lambda one: (one[0], -one[1])):
        if span[1] > span[0] and (not kept or span[0] >= kept[-1][1]):
            kept.append(span)
    return kept


def _given(text: str, tokens: Any) -> list[tuple[int, int]] | None:
    """Where given tokens stand in the text; None where there are none, or they do not."""
    if not isinstance(tokens, list) or not tokens:
        return None
    places, at = [], 0
    for token in map(str, tokens):
        start = text.find(token, at)
        if start < 0 or not token:
            return None
        at = start + len(token)
        places.append((start, at))
    return places


def _cut(words: list[tuple[int, int]], spans: Sequence[Span]) -> list[tuple[int, int]]:
    edges = sorted({edge for span in spans for edge in span[:2]})
    found: list[tuple[int, int]] = []
    for start, end in words:
        inside = [edge for edge in edges if start < edge < end]
        found += zip([start, *inside], [*inside, end], strict=True)
    return found


def _value(one: Mapping[str, Any]) -> Mapping[str, Any]:
    value = one.get("value")
    return value if isinstance(value, Mapping) else {}
