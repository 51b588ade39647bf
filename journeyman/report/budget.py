"""How much a page may hold: a section trimmed to fit, with a note of what was left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from journeyman.report.header import ReportHeader
from journeyman.section import Chart, Example, Grid, Matrix, Section, Series, Suspect


@dataclass(frozen=True)
class Budget:
    """Limits on the parts of a section; `charts` False leaves charts out altogether."""

    examples: int
    """Examples of a group."""
    text: int
    """Characters of one text."""
    rows: int
    """Rows of a table."""
    points: int
    """Points of a series."""
    charts: bool = True


BUDGETS = (
    Budget(examples=60, text=4_000, rows=500, points=20_000),
    Budget(examples=8, text=1_000, rows=150, points=300),
    Budget(examples=2, text=400, rows=40, points=60),
    Budget(examples=1, text=200, rows=15, points=0, charts=False),
)
"""From generous to sparing; the page takes the first that fits its size."""

_MOST_PARTS = 300
_MOST_LINES = 40
_LONGEST_SENTENCE = 1_000
_LONGEST_RECIPE = 40_000


def trimmed(section: Section, budget: Budget) -> Section:
    """`section` within `budget`, a note of what is missing at the end of its prose."""
    examples = _examples(section.examples, budget)
    suspects = _suspects(section.suspects, budget)
    charts = tuple(_chart(c, budget) for c in section.charts) if budget.charts else ()
    notes = []
    if missing := len(section.examples) - len(examples):
        notes.append(f"{missing:,} more examples are left out to keep this page small.")
    if missing := len(section.suspects) - len(suspects):
        notes.append(f"{missing:,} more suspects are left out to keep this page small.")
    if missing := len(section.charts) - len(charts):
        notes.append(f"{missing:,} charts are left out to keep this page small.")
    return section.model_copy(
        update={
            "prose": tuple(cut(text, budget.text * 2) for text in section.prose[:_MOST_PARTS])
            + tuple(notes),
            "charts": charts,
            "tables": tuple(_table(table, budget) for table in section.tables),
            "examples": examples,
            "suspects": suspects,
        }
    )


def trimmed_header(header: ReportHeader) -> ReportHeader:
    """`header` with no more than a first screen and an appendix can bear."""
    sentences = {
        name: tuple(cut(text, _LONGEST_SENTENCE) for text in getattr(header, name)[:_MOST_LINES])
        for name in ("findings", "advice")
    }
    words = {
        name: cut(getattr(header, name), _LONGEST_SENTENCE)
        for name in ("name", "task", "backbone", "summary", "saved")
    }
    figures = {name: getattr(header, name)[:_MOST_LINES] for name in ("headline", "cost")}
    recipe = cut(header.recipe, _LONGEST_RECIPE)
    return header.model_copy(update={**sentences, **words, **figures, "recipe": recipe})


def cut(text: str, length: int) -> str:
    """`text` up to `length` characters, an ellipsis where there was more."""
    return text if len(text) <= length else text[:length].rstrip() + " …"


def _examples(examples: tuple[Example, ...], budget: Budget) -> tuple[Example, ...]:
    seen: Counter[str] = Counter()
    kept = []
    for example in examples:
        seen[example.group] += 1
        if seen[example.group] > budget.examples or len(seen) > _MOST_PARTS:
            continue
        spans = tuple(span for span in example.spans if span[1] <= budget.text)
        update = {"text": cut(example.text, budget.text), "spans": spans}
        kept.append(example.model_copy(update=update))
    return tuple(kept)


def _suspects(suspects: tuple[Suspect, ...], budget: Budget) -> tuple[Suspect, ...]:
    seen: Counter[str] = Counter()
    kept = []
    for suspect in suspects:
        seen[suspect.group] += 1
        if seen[suspect.group] > budget.examples:
            continue
        near = tuple(
            one.model_copy(update={"text": cut(one.text, budget.text // 4)}) for one in suspect.near
        )
        update = {"text": cut(suspect.text, budget.text), "near": near}
        kept.append(suspect.model_copy(update=update))
    return tuple(kept)


def _table(table: Grid, budget: Budget) -> Grid:
    rows = tuple(
        tuple(cut(cell, budget.text) if isinstance(cell, str) else cell for cell in row)
        for row in table.rows[: budget.rows]
    )
    caption = table.caption
    if len(table.rows) > budget.rows:
        caption += f" The first {budget.rows:,} of {len(table.rows):,} rows."
    return table.model_copy(update={"rows": rows, "caption": caption.strip()})


def _chart(chart: Chart | Matrix, budget: Budget) -> Chart | Matrix:
    if isinstance(chart, Matrix) or all(len(s.y) <= budget.points for s in chart.series):
        return chart
    series = tuple(_thinned(s, budget.points) for s in chart.series)
    caption = f"{chart.caption} Every series is thinned to at most {budget.points:,} points."
    return chart.model_copy(update={"series": series, "caption": caption.strip()})


def _thinned(series: Series, points: int) -> Series:
    size = len(series.y)
    keep = sorted({round(i * (size - 1) / max(1, points - 1)) for i in range(min(points, size))})
    update = {
        name: tuple(values[i] for i in keep if i < len(values))
        for name in ("x", "y", "low", "high")
        if (values := getattr(series, name))
    }
    return series.model_copy(update=update)
