"""Financial PhraseBank: `sentence@label` lines, in nested files by how many annotators agreed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.entry import DatasetEntry

LEVELS = (("AllAgree", 100, "utf-8"), ("75Agree", 75, "latin-1"), ("66Agree", 66, "latin-1"))
"""File, least percentage of annotators that agreed, encoding; each is part of the next."""


@CONVERTERS.register("phrasebank")
def convert_phrasebank(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """Every sentence at least half agreed on; `agreement` is the highest level it reaches."""
    write_rows(out / entry.splits["train"], _rows(raw))


def _rows(raw: Path) -> Iterator[dict[str, Any]]:
    nested = [
        (set(_lines(raw / f"Sentences_{level}.txt", encoding)), percent)
        for level, percent, encoding in LEVELS
    ]
    for number, line in enumerate(_lines(raw / "Sentences_50Agree.txt", "latin-1"), 1):
        text, _, label = line.rpartition("@")
        agreement = next((percent for lines, percent in nested if line in lines), 50)
        yield {"id": str(number), "text": text, "label": label, "agreement": agreement}


def _lines(path: Path, encoding: str) -> list[str]:
    lines = path.read_text(encoding=encoding).split("\n")
    return [line.strip() for line in lines if line.strip()]
