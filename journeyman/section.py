"""What a step tells: figures, charts, tables and examples, as data.

A step returns one `Section`. The report draws it, `metrics.json` holds the same numbers, and the
run folder keeps it so that a resumed run tells the same story.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Part):
    """One number: `value` in `unit`, with a 95 % interval where there is one.

    `clock` marks a number that differs from run to run (seconds, rates, memory): it is told in
    the report and `timing.json`, not in `metrics.json`.
    """

    name: str
    value: float | int | str | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""
    clock: bool = False


class Series(_Part):
    """One line, row of bars or cloud of points; `low` and `high` are 95 % intervals of `y`."""

    name: str
    x: tuple[float | str, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


class Chart(_Part):
    """A picture of figures. Bars may be grouped (several series over the same names).

    `highlight` names the one bar or series that the others are only there to be compared with.
    """

    kind: Literal["line", "bar", "scatter"]
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    diagonal: bool = False
    highlight: str = ""
    caption: str = ""


class Matrix(_Part):
    """A table of counts drawn as a heat map: `counts[row][column]`, rows are the truth."""

    title: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    caption: str = ""


class Grid(_Part):
    """A plain table of words and numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    caption: str = ""


class Example(_Part):
    """One row shown with what moved the decision; weights are signed.

    `spans` are (start, end, weight) in code points of `text`. Of a picture, `text` is its name,
    `picture` and `overlay` addresses that hold it, plain and under its weights. `id` is the row's.
    """

    text: str
    given: str
    predicted: str
    score: float | None = None
    spans: tuple[tuple[int, int, float], ...] = ()
    note: str = ""
    group: str = ""
    picture: str = ""
    overlay: str = ""
    id: str = ""


class NearRow(_Part):
    """A row that is near a suspect one, with its label and the cosine of their features."""

    id: str
    text: str
    given: str
    similarity: float
    picture: str = ""


class Mark(_Part):
    """A span of a text, in code points, with its label, and whether it is `doubted`."""

    start: int
    end: int
    label: str
    doubted: bool = False


class Suspect(_Part):
    """A row whose label is doubted: the label as `given`, the `likely` one where another is
    likelier, how certain that is, why, and the rows `near` it. Of a picture, `text` is its path and
    `picture` an address that holds it. Of a text with spans, `marks` are those given and
    `likely_marks` those that are likely."""

    id: str
    text: str
    given: str
    likely: str = ""
    certainty: float | None = None
    reasons: tuple[str, ...] = ()
    group: str = ""
    near: tuple[NearRow, ...] = ()
    picture: str = ""
    marks: tuple[Mark, ...] = ()
    likely_marks: tuple[Mark, ...] = ()


class Section(_Part):
    """Everything one step has to say, in the order it is read.

    `step` is the verb (collect, finetune, ...); `prose` are short paragraphs of plain text.
    """

    step: str
    title: str
    prose: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart | Matrix, ...] = ()
    tables: tuple[Grid, ...] = ()
    examples: tuple[Example, ...] = ()
    suspects: tuple[Suspect, ...] = ()
