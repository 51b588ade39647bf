"""CoNLL columns, a token and its tag a line, a blank line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.entry import DatasetEntry

_PLACED = re.compile(r"(.+?)\d+")


@CONVERTERS.register("conll")
def convert_conll(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """Options: `files` (split: file); `positions`: tokens are a character and, after it, the
    number of its place in the word, which is left out."""
    placed = bool(entry.options.get("positions", False))
    for split, name in entry.options["files"].items():
        write_rows(out / entry.splits[split], _rows(raw / name, split, placed))


def _rows(path: Path, split: str, placed: bool) -> Iterator[dict[str, Any]]:
    for number, sentence in enumerate(_sentences(path), 1):
        tokens = [_character(token) if placed else token for token, _ in sentence]
        tags = [tag for _, tag in sentence]
        yield {"id": f"{split}/{number}", "tokens": tokens, "tags": tags}


def _character(token: str) -> str:
    """The token without the number at its end; a digit that is the character itself stays."""
    found = _PLACED.fullmatch(token)
    return found[1] if found else token


def _sentences(path: Path) -> Iterator[list[tuple[str, str]]]:
    sentence: list[tuple[str, str]] = []
    for line in path.read_text(encoding="utf-8-sig").split("\n"):
        cells = line.rstrip("\r").split("\t")
        if len(cells) > 1 and cells[0].strip():
            sentence.append((cells[0], cells[-1].strip()))
        elif not line.strip() and sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence
