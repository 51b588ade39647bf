"""Tokens and their tags: joined to a text with offsets, and BIO sequences made valid."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from journeyman.data.record import Noticed

_TAG = re.compile(r"O|[BIESLUM]-\S+")
_REPAIRS = {
    "repaired_tags": (
        "The tags are no valid BIO sequence (an entity opens with I-, or the scheme is IOBES).",
        "rewritten to BIO",
    ),
    "empty_tokens": ("A tag stands without a token.", "the empty tokens are left out"),
}
_CJK = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")

_WORD = re.compile(
    r"""
    (?:https?://|www\.)\S+                                     # addresses stay whole
  | [\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff]       # one ideograph or kana
  | [^\W\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff]+
    (?:['’.-][^\W\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff]+)*  # U.S, can't, e-mail
  | [^\w\s]
    """,
    re.VERBOSE,
)


def words_in(text: str) -> tuple[tuple[int, int], ...]:
    """[start, end) of each word of a plain text: runs of letters, single marks and ideographs."""
    return tuple(match.span() for match in _WORD.finditer(text))


def is_tag(text: str) -> bool:
    """Whether a text reads as one tag: O, B-PER, I-ORG and so on."""
    return _TAG.fullmatch(text) is not None


def join_tokens(tokens: Sequence[str]) -> tuple[str, list[list[int]]]:
    """The text the tokens make, and each token's [start, end) in code points.

    Tokens are joined by a space, except between two that meet in Chinese, Japanese or Korean
    characters or full-width marks.
    """
    parts: list[str] = []
    offsets: list[list[int]] = []
    length, before = 0, ""
    for token in tokens:
        close = before and _CJK.match(before[-1]) and _CJK.match(token[:1])
        if before and not close:
            parts.append(" ")
            length += 1
        offsets.append([length, length + len(token)])
        parts.append(token)
        length += len(token)
        before = token
    return "".join(parts), offsets


def repair_tags(tags: Sequence[str]) -> tuple[list[str], bool]:
    """The tags as valid BIO, and whether any had to be changed.

    IOB1 (an entity may open with I-) and IOBES (S- and E-, also U- and L-) are rewritten.
    """
    repaired: list[str] = []
    before = "O"
    for tag in tags:
        mark, kind = tag[:1], tag[2:]
        if tag == "O":
            new = tag
        elif mark in "BSU" or before[2:] != kind:
            new = f"B-{kind}"
        else:
            new = f"I-{kind}"
        repaired.append(new)
        before = "O" if mark in "ESUL" else new
    return repaired, repaired != list(tags)


def repair(row: int, name: str) -> Noticed:
    """The notice that a row's tags or tokens had to be changed."""
    return Noticed(row, name, *_REPAIRS[name])


def as_list(value: Any) -> list[str] | None:
    """Tokens or tags from a list, JSON text of one, or text separated by spaces; else None."""
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except ValueError:
                value = value.split()
        else:
            value = value.split()
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        return None
    return value


def token_row(tokens: Any, tags: Any) -> tuple[dict[str, Any], tuple[str, ...]] | str:
    """The columns `tokens`, `tags`, `text`, `offsets` of one row, and the names of its repairs.

    A sentence instead where the row cannot be used.
    """
    words, marks = as_list(tokens), as_list(tags)
    if not words or marks is None:
        return "The row needs a list of tokens and a list of tags."
    if len(words) != len(marks):
        return f"The row has {len(words)} tokens and {len(marks)} tags."
    if wrong := [mark for mark in marks if not is_tag(mark)]:
        return f"{wrong[0]!r} is not a tag (O, B-NAME or I-NAME)."
    kept = [(word, mark) for word, mark in zip(words, marks, strict=True) if word.strip()]
    if not kept:
        return "All tokens are empty."
    repaired, changed = repair_tags([mark for _, mark in kept])
    text, offsets = join_tokens([word for word, _ in kept])
    row = {"tokens": [word for word, _ in kept], "tags": repaired, "text": text}
    notes = ("repaired_tags",) * changed + ("empty_tokens",) * (len(kept) < len(words))
    return {**row, "offsets": offsets}, notes
