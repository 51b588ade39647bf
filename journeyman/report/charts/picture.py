"""A chart made ready for the page: the drawing, the same in words, and its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from journeyman.report.charts.drawings import Drawings
from journeyman.report.charts.looks import DASHES, MOST_BARS, MOST_CELLS_WITH_NUMBERS, SERIES
from journeyman.report.numbers import finite, measured, number
from journeyman.section import Chart, Grid, Matrix, Series

_MOST_NUMBERS = 400
_MOST_PAIRS = 12


@dataclass(frozen=True)
class Key:
    """One entry of a legend: `colour` is 1 for the first, `dash` a CSS border style."""

    name: str
    colour: int
    dash: str


@dataclass(frozen=True)
class Picture:
    """`svg` is empty where nothing can be drawn; `table` stands beside, `numbers` unfold."""

    svg: str
    legend: tuple[Key, ...] = ()
    table: Grid | None = None
    numbers: Grid | None = None
    note: str = ""


def picture(chart: Chart | Matrix, ident: str, drawings: Drawings | None = None) -> Picture:
    """Draw `chart`, or take it from `drawings`; `ident` must be unique on the page."""
    drawings = drawings or Drawings()
    if isinstance(chart, Matrix):
        return _of_matrix(chart, ident, drawings)
    return _of_chart(chart, ident, drawings)


def _of_chart(chart: Chart, ident: str, drawings: Drawings) -> Picture:
    drawable = tuple(s for s in chart.series if any(finite(y) is not None for y in s.y))
    drawable = tuple(_plottable(s) for s in drawable)
    if not drawable:
        return Picture("", note="No values to draw.")
    drawn = chart.model_copy(update={"series": drawable})
    svg = drawings.svg(drawn, ident, alternative(drawn))
    return Picture(svg, _legend(drawn), numbers=_numbers(drawn), note=_left_out(drawn))


def _plottable(series: Series) -> Series:
    """Without points that stand at no finite x."""
    keep = [
        i
        for i, x in enumerate(series.x[: len(series.y)])
        if isinstance(x, str) or finite(x) is not None
    ]
    update: dict[str, tuple[float | str | None, ...]] = {
        "x": tuple(series.x[i] for i in keep),
        "y": tuple(series.y[i] for i in keep),
    }
    for name in ("low", "high"):
        values = getattr(series, name)
        whole = len(values) == len(series.y)
        update[name] = tuple(values[i] for i in keep) if whole else ()
    return series.model_copy(update=update)


def _left_out(chart: Chart) -> str:
    names = len({str(x) for series in chart.series for x in series.x})
    room = max(1, MOST_BARS // len(chart.series))
    if chart.kind == "bar" and names > room:
        return f"The first {room} of {names:,} are drawn."
    return ""


def _legend(chart: Chart) -> tuple[Key, ...]:
    if len(chart.series) < 2:
        return ()
    return tuple(
        Key(
            series.name,
            index % len(SERIES) + 1,
            DASHES[index % len(DASHES)].replace("dashdot", "dashed")
            if chart.kind == "line"
            else "solid",
        )
        for index, series in enumerate(chart.series)
    )


def _numbers(chart: Chart) -> Grid | None:
    if sum(len(series.y) for series in chart.series) > _MOST_NUMBERS:
        return None
    names = list(dict.fromkeys(x for series in chart.series for x in series.x))
    columns = [_shown(series) for series in chart.series]
    return Grid(
        title=f"Numbers of {chart.title}",
        header=(chart.x_label or "x", *(series.name for series in chart.series)),
        rows=tuple((x, *(column.get(x) for column in columns)) for x in names),
    )


def _shown(series: Series) -> dict[float | str, str]:
    shown = {}
    for i, (x, y) in enumerate(zip(series.x, series.y, strict=False)):
        low = series.low[i] if i < len(series.low) else None
        high = series.high[i] if i < len(series.high) else None
        value, interval = measured(y, low, high)
        shown[x] = f"{value} {interval}".strip()
    return shown


def alternative(chart: Chart) -> str:
    """The chart in a few sentences, read out in place of the drawing."""
    kinds = {"line": "Line chart", "bar": "Bar chart", "scatter": "Scatter chart"}
    parts = [f"{kinds[chart.kind]}: {chart.title}. {chart.y_label} by {chart.x_label or 'name'}."]
    for series in chart.series[:8]:
        points = [
            (y, x)
            for x, raw in zip(series.x, series.y, strict=False)
            if (y := finite(raw)) is not None
        ]
        low, high = min(points, key=lambda p: p[0]), max(points, key=lambda p: p[0])
        parts.append(
            f"{series.name}: from {number(low[0])} at {_word(low[1])} "
            f"to {number(high[0])} at {_word(high[1])}."
        )
    return " ".join(parts)


def _word(x: float | str) -> str:
    return x if isinstance(x, str) else number(x)


def _of_matrix(matrix: Matrix, ident: str, drawings: Drawings) -> Picture:
    size = len(matrix.labels)
    if not size or len(matrix.counts) != size or any(len(row) != size for row in matrix.counts):
        return Picture("", note="No counts to draw.")
    right = sum(matrix.counts[i][i] for i in range(size))
    total = sum(map(sum, matrix.counts))
    pairs = confused_pairs(matrix)
    alt = (
        f"Confusion matrix: {matrix.title}. {size} classes, {right:,} of {total:,} right."
        + "".join(f" {n:,} of {truth} taken for {guess}." for truth, guess, n, _ in pairs[:3])
    )
    table = Grid(
        title="Most confused pairs",
        header=("Truth", "Predicted", "Rows", "Share"),
        rows=tuple(
            (truth, guess, n, f"{100 * share:.1f}\u202f%")
            for truth, guess, n, share in pairs[:_MOST_PAIRS]
        ),
    )
    small = size <= MOST_CELLS_WITH_NUMBERS
    return Picture(
        drawings.svg(matrix, ident, alt),
        legend=(Key("right", 1, "solid"), Key("wrong", 2, "solid")),
        table=None if small or not pairs else table,
        numbers=_per_class(matrix),
        note="Shade grows with the square root of the share of the true class."
        + ("" if small else " Axes count the classes in the order they have under Numbers."),
    )


def confused_pairs(matrix: Matrix) -> list[tuple[str, str, int, float]]:
    """(truth, predicted, rows, share of the truth) of every confusion, most frequent first."""
    pairs = [
        (-n, row, column, n / (sum(counts) or 1))
        for row, counts in enumerate(matrix.counts)
        for column, n in enumerate(counts)
        if row != column and n > 0
    ]
    labels = matrix.labels
    return [(labels[row], labels[column], -n, share) for n, row, column, share in sorted(pairs)]


def _per_class(matrix: Matrix) -> Grid:
    rows = []
    for i, (name, counts) in enumerate(zip(matrix.labels, matrix.counts, strict=True)):
        total, guessed = sum(counts), sum(row[i] for row in matrix.counts)
        others = [(n, -j) for j, n in enumerate(counts) if j != i and n > 0]
        most = max(others, default=None)
        rows.append(
            (
                i + 1,
                name,
                total,
                counts[i] / total if total else None,
                counts[i] / guessed if guessed else None,
                None if most is None else f"{matrix.labels[-most[1]]} ({most[0]:,})",
            )
        )
    header = ("No.", "Class", "Rows", "Recall", "Precision", "Most often taken for")
    return Grid(title=f"Every class of {matrix.title}", header=header, rows=tuple(rows))
