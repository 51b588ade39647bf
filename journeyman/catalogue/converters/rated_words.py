"""Words with the ratings of each of their raters (Hutto and Gilbert, 2014): a sentiment lexicon.

A line holds a token, its mean rating, the ratings' deviation and the list of the ratings, between
tabs. Means are taken from the ratings, and classes as those of rated sentences are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.converters.rated_snippets import label_of, soft_label_of
from journeyman.catalogue.entry import DatasetEntry

DOMAIN = "words"

SHORTEST = 3
"""Letters of a token that is kept: shorter ones are mostly parts of smileys and abbreviations."""


@CONVERTERS.register("rated_words")
def convert_rated_words(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """Tokens of letters alone, in the order of the file; an id is the line's number.

    The few tokens that stand in two lines with other ratings are two rows of one group.
    """
    lines = (raw / entry.files[0].path).read_text(encoding="utf-8").splitlines()
    write_rows(out / entry.splits["train"], _rows(lines))


def _rows(lines: list[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        token, _, rest = line.partition("\t")
        if not token.isalpha() or len(token) < SHORTEST:
            continue
        ratings = [float(rating) for rating in json.loads(rest.split("\t")[2])]
        mean = sum(ratings) / len(ratings)
        yield {
            "id": f"{DOMAIN}/{number}",
            "text": token,
            "label": label_of(mean),
            "domain": DOMAIN,
            "group": f"{DOMAIN}/{token}",
            "rating": round(mean, 6),
            "soft_label": soft_label_of(ratings),
            "ratings": ratings,
        }
