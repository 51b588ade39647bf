"""Sentences of four domains with the ratings of each of their raters (Hutto and Gilbert, 2014).

The archive holds, for each domain, a file of texts and a file of ratings; the second also repeats
the mean, which in the tweets' text file differs in some rows. The mean is taken from the ratings.
"""

from __future__ import annotations

import html
import json
import math
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import NormalDist, stdev
from typing import Any

from journeyman.catalogue.converters.base import CONVERTERS, write_rows
from journeyman.catalogue.entry import DatasetEntry

DOMAINS = {
    "tweets": "tweets",
    "movie": "movieReviewSnippets",
    "amazon": "amazonReviewSnippets",
    "nyt": "nytEditorialSnippets",
}
GROUPED = {"amazon", "nyt"}
"""Domains whose ids are review_sentence or article_sentence."""

THRESHOLD = 0.5
"""A mean rating at or beyond it, on the scale -4 to 4, is positive or negative."""

LEAST_ERROR = 0.1
"""Raters who all agree do not make the mean certain: a floor on its standard error."""


@CONVERTERS.register("rated_snippets")
def convert_rated_snippets(raw: Path, out: Path, entry: DatasetEntry) -> None:
    """All domains in one file, in the order of `DOMAINS`, each in its own order."""
    with tarfile.open(raw / entry.files[0].path, "r:gz") as archive:
        texts = {
            name: archive.extractfile(f"hutto_ICWSM_2014/{name}.txt").read()  # type: ignore[union-attr]
            for stem in DOMAINS.values()
            for name in (f"{stem}_GroundTruth", f"{stem}_anonDataRatings")
        }
    rows = (row for domain in DOMAINS for row in _domain(domain, texts))
    write_rows(out / entry.splits["train"], rows)


def _domain(domain: str, files: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    stem = DOMAINS[domain]
    ratings = {cells[0]: json.loads(cells[3]) for cells in _cells(files[f"{stem}_anonDataRatings"])}
    for number, _, text in _cells(files[f"{stem}_GroundTruth"]):
        yield _row(domain, number, text, [float(rating) for rating in ratings[number]])


def _cells(content: bytes) -> Iterator[list[str]]:
    for line in content.decode("utf-8-sig").split("\r\n"):
        if line:
            yield line.split("\t")


def _row(domain: str, number: str, text: str, ratings: list[float]) -> dict[str, Any]:
    mean = sum(ratings) / len(ratings)
    group = number.partition("_")[0] if domain in GROUPED else number
    return {
        "id": f"{domain}/{number}",
        "text": _unescaped(text),
        "label": label_of(mean),
        "domain": domain,
        "group": f"{domain}/{group}",
        "rating": round(mean, 6),
        "soft_label": soft_label_of(ratings),
        "ratings": ratings,
    }


def _unescaped(text: str) -> str:
    """Entities as characters; some were escaped twice."""
    return html.unescape(html.unescape(text))


def label_of(mean: float) -> str:
    """The class of a mean rating."""
    if mean <= -THRESHOLD:
        return "negative"
    return "positive" if mean >= THRESHOLD else "neutral"


def soft_label_of(ratings: Sequence[float]) -> dict[str, float]:
    """How probably the mean of as many raters drawn anew falls in each class.

    The mean is taken as normal, with the standard error of these ratings and no less than
    `LEAST_ERROR`; probabilities add up to one.
    """
    mean = sum(ratings) / len(ratings)
    spread = stdev(ratings) if len(ratings) > 1 else 0.0
    error = max(spread / math.sqrt(len(ratings)), LEAST_ERROR)
    normal = NormalDist(mean, error)
    negative = round(normal.cdf(-THRESHOLD), 6)
    positive = round(1.0 - normal.cdf(THRESHOLD), 6)
    neutral = round(max(1.0 - negative - positive, 0.0), 6)
    return {"negative": negative, "neutral": neutral, "positive": positive}
