"""The lines of a text file with their numbers; one that is too long is passed over."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINE = 16 * 1024 * 1024
"""Characters a line, and so a cell, may have."""


@dataclass(slots=True)
class Line:
    """One line with its end; `refused` says why it cannot be used, its text is then a start."""

    number: int
    text: str
    refused: str = ""


def numbered(file: io.TextIOBase) -> Iterator[Line]:
    """The lines of a file, the first being 1."""
    number = 0
    while text := file.readline(MAX_LINE + 1):
        number += 1
        if len(text) <= MAX_LINE:
            yield Line(number, text)
            continue
        ended = text.endswith(("\n", "\r"))
        while not ended and (rest := file.readline(MAX_LINE)):
            ended = rest.endswith(("\n", "\r"))
        yield Line(number, text[:1000], "The line is longer than 16 MB.")


def bad_characters(text: str, encoding: str) -> str:
    """Why a text is no valid Unicode; empty when it is."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        if 0xDC80 <= code <= 0xDCFF:
            return f"The byte 0x{code - 0xDC00:02x} is not valid in {encoding}."
        return f"The character \\u{code:04x} is half of a surrogate pair."
    return ""
