"""What there is to tell of a label audit: how many labels are suspect, which, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from journeyman.audits.base import AMBIGUOUS, DUPLICATE, LABEL, OUTLIER, Audit, AuditedRow
from journeyman.data.pictures import PictureError, read_picture
from journeyman.explainers.overlay import SIDE, data_uri, sized
from journeyman.section import Figure, Grid, NearRow, Section, Suspect
from journeyman.sections.doubted_parts import boxed, marks_of, told

STEP = "audit"
PAIRS = 15
"""Pairs of given and likely labels that are shown, the commonest."""
SHOWN = 60
"""Suspect rows that are shown, the most doubtful."""
FEW = 15
"""Rows of each other kind of trouble that are shown."""
SMALL = 56
"""Pixels of the longer side of a neighbour's picture."""
WARNING = (
    "These are suspects, not verdicts. Where people looked at what such methods flag in well-known "
    "data sets, about half of it was wrong and half was right. Judge each before you change it; "
    "a label that is right and unusual is worth more than one that is easy."
)
TROUBLES = {
    LABEL: "likely wrong",
    DUPLICATE: "near duplicate with another label",
    OUTLIER: "far from every other row",
    AMBIGUOUS: "two labels about equally likely",
}


def audited(audit: Audit, *, pictures: bool = False) -> Section:
    """The chapter on a label audit; with `pictures`, what rows read are the paths of some."""
    return Section(
        step=STEP,
        title="Labels that may be wrong",
        prose=(_first(audit), WARNING, *audit.prose),
        figures=(*_figures(audit), *audit.figures),
        tables=_tables(audit),
        suspects=_suspects(audit, pictures),
    )


def _first(audit: Audit) -> str:
    doubted, rows = len(audit.suspects), len(audit.rows)
    share = (
        ""
        if audit.noise is None
        else f" About {audit.noise:.1%} of all labels are wrong, by estimate."
    )
    return (
        f"Each of {rows:,} rows was answered by what had not learned it. {doubted:,} labels "
        f"({doubted / max(rows, 1):.1%}) are suspect.{share}"
    )


def _figures(audit: Audit) -> tuple[Figure, ...]:
    counts = Counter(trouble for row in audit.rows for trouble in row.troubles)
    found = [
        Figure(name="labels audited", value=len(audit.rows)),
        Figure(name="suspect labels", value=len(audit.suspects)),
    ]
    if audit.noise is not None:
        note = "estimated with the posterior of every row's true label"
        found.append(
            Figure(name="estimated share of wrong labels", value=round(audit.noise, 4), note=note)
        )
    for trouble in (DUPLICATE, AMBIGUOUS, OUTLIER):
        found.append(Figure(name=f"rows: {TROUBLES[trouble]}", value=counts[trouble]))
    return tuple(found)


def _tables(audit: Audit) -> tuple[Grid, ...]:
    if not audit.pairs:
        return ()
    rows = tuple((pair.given, pair.likely, pair.rows) for pair in audit.pairs[:PAIRS])
    header = ("given", "likely meant", "suspect rows")
    return (Grid(title="Labels that are mixed up", header=header, rows=rows),)


def _suspects(audit: Audit, pictures: bool) -> tuple[Suspect, ...]:
    """The most doubtful rows, then some of each other trouble that are not among them."""
    shown = [(TROUBLES[LABEL], row) for row in audit.suspects[:SHOWN]]
    for trouble in (DUPLICATE, AMBIGUOUS, OUTLIER):
        other = [row for row in audit.troubled(trouble) if not row.suspect]
        shown += [(TROUBLES[trouble], row) for row in other[:FEW]]
    return tuple(_suspect(group, row, pictures) for group, row in shown)


def _suspect(group: str, row: AuditedRow, pictures: bool) -> Suspect:
    return Suspect(
        id=row.id,
        text=row.text,
        given=plain(row.given),
        likely=plain(row.likely) if row.suspect else "",
        certainty=row.certainty,
        reasons=row.reasons,
        group=group,
        picture=(boxed(row) or _picture(row.text, SIDE)) if pictures else "",
        marks=marks_of(row, "given"),
        likely_marks=marks_of(row, "likely") if row.suspect else (),
        near=tuple(
            NearRow(
                id=near.id, text=near.text, given=plain(near.given),
                similarity=round(near.similarity, 3),
                picture=_picture(near.text, SMALL) if pictures else "",
            )
            for near in row.neighbours
        ),
    )  # fmt: skip


def _picture(path: str, side: int) -> str:
    """An address that holds the picture, small; empty where it can no longer be read."""
    try:
        return data_uri(sized(np.asarray(read_picture(path)), side))
    except PictureError:
        return ""


def plain(value: Any) -> str:
    """A target as words."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return told(value)
    if isinstance(value, list | tuple) and value and "box" in value[0]:
        counts = Counter(map(plain, value))
        return ", ".join(f"{name} × {count}" for name, count in sorted(counts.items()))
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value)) or "none"
    return str(value)
