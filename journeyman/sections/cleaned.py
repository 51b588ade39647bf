"""What there is to tell of label cleaning: how many labels were doubted, and what came of it."""

from __future__ import annotations

from collections import Counter

from journeyman.section import Figure, Grid, Section
from journeyman.tasks.base import Schema
from journeyman.training.cleaned_rows import CleanedRows

PAIRS = 12
"""Pairs of given and likely labels that are shown, the commonest."""
DONE = {
    "drop": "rows with a doubted label were not learned from",
    "replace": "doubted labels were replaced by the likely ones",
    "soften": "doubted labels were replaced by the probability of each",
}


def cleaned(section: Section, found: CleanedRows, schema: Schema) -> Section:
    """The chapter on fine-tuning with label cleaning in it, after what it already tells."""
    return section.model_copy(
        update={
            "prose": (*section.prose, _prose(found)),
            "figures": (*section.figures, *_figures(found)),
            "tables": (*section.tables, *_table(found, schema)),
        }
    )


def _prose(found: CleanedRows) -> str:
    cleaning = found.cleaning
    doubted, rows = int(cleaning.doubts.suspect.sum()), len(cleaning.doubts.given)
    done = DONE[found.how] if cleaning.stands else "all labels were kept as they were given"
    why = "no more" if cleaning.stands or not doubted else "more"
    if found.clean:
        return (
            f"Of {rows:,} training and validation labels {doubted:,} are doubted, none of them of "
            f"a validation row, for those are known to be right. These rows lose {why} by learning "
            f"without doubted labels than noise would make of nothing, so {done}."
        )
    return (
        f"Of {rows:,} training and validation labels {doubted:,} are doubted: held-out answers "
        f"speak for another label. Held-out rows lose {why} by learning without them than noise "
        f"would make of nothing, so {done}. Labels of exam and test rows are never changed."
    )


def _figures(found: CleanedRows) -> tuple[Figure, ...]:
    cleaning = found.cleaning
    note = "of accuracy by kernel ridge regression, corrected for wrong labels as estimated"
    if found.clean:
        note = "of accuracy by kernel ridge regression, on validation labels that are right"
    return (
        Figure(name="labels examined", value=len(cleaning.doubts.given)),
        Figure(name="labels doubted", value=int(cleaning.doubts.suspect.sum())),
        Figure(name="estimated share of wrong labels", value=round(cleaning.doubts.noise, 4)),
        Figure(name="held-out gain by cleaning", value=round(cleaning.gain, 4), note=note),
        Figure(name="error of that gain", value=round(cleaning.error, 4)),
        Figure(name="labels cleaned", value="yes" if cleaning.stands else "no"),
        Figure(name="label cleaning seconds", value=round(found.seconds, 2), unit="s", clock=True),
    )


def _table(found: CleanedRows, schema: Schema) -> tuple[Grid, ...]:
    doubts = found.cleaning.doubts
    pairs = Counter(
        (schema.labels[given], schema.labels[likely])
        for given, likely in zip(
            doubts.given[doubts.suspect], doubts.likely[doubts.suspect], strict=True
        )
    )
    if not pairs:
        return ()
    rows = sorted(((*pair, count) for pair, count in pairs.items()), key=lambda row: (-row[2], row))
    header = ("given", "likely", "rows")
    return (Grid(title="Doubted labels", header=header, rows=tuple(rows[:PAIRS])),)
