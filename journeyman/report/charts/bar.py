"""Bars from zero with their intervals; lying, so that names are read without turning the head."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from journeyman.report.charts.axis import named
from journeyman.report.charts.drawing import (
    INK,
    MUTED,
    WIDTH,
    canvas,
    colour,
    gaps,
    inline_svg,
    shortened,
    style,
    text_width,
    tick,
)
from journeyman.report.charts.looks import MOST_BARS, SERIES
from journeyman.report.numbers import decimals_of, finite, number
from journeyman.section import Chart, Series

_WIDEST_NAME = WIDTH * 0.4
_VALUE_SIZE = 11.0


def bar_svg(chart: Chart, ident: str, alt: str) -> str:
    """Groups of bars, one group a name, one bar a series, the first series at the top."""
    names = tuple(dict.fromkeys(named(x) for series in chart.series for x in series.x))
    count = len(chart.series)
    names = names[: max(1, MOST_BARS // count)]
    left = min(_WIDEST_NAME, max(text_width(name) for name in names)) + 12
    thickness = 17 if count == 1 else 14
    pitch = thickness * count + (13 if count == 1 else 16)
    with style():
        right = 54.0
        figure, axes = canvas(
            pitch * len(names) + 40, left, right=right, top=4, bottom=36 if chart.y_label else 20
        )
        decimals = _decimals(chart)
        for index in range(count):
            offset = (index - (count - 1) / 2) * thickness / pitch
            _draw(axes, _Bars(chart, names, index, offset, thickness / pitch * 0.82, decimals))
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(*_range(chart))
        axes.set_yticks(range(len(names)), [shortened(n, _WIDEST_NAME) for n in names])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        axes.grid(axis="x")
        axes.spines["bottom"].set_visible(False)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_xlabel(shortened(chart.y_label, WIDTH - left - right), labelpad=4)
        return inline_svg(figure, ident, alt)


def _range(chart: Chart) -> tuple[float, float]:
    every = [
        value
        for series in chart.series
        for part in (series.y, series.low, series.high)
        for value in gaps(part)
        if value == value
    ]
    low, high = min(0.0, *every), max(0.0, *every)
    return (low, high) if high > low else (0.0, 1.0)


def _decimals(chart: Chart) -> int | None:
    """Digits after the point for all bars of a chart: what their intervals, or values, need."""
    widths = [
        decimals_of(low, high)
        for series in chart.series
        for low, high in zip(gaps(series.low), gaps(series.high), strict=False)
        if high > low
    ]
    if widths:
        return min(widths)
    values = [v for series in chart.series for y in series.y if (v := finite(y)) is not None]
    if not 0.1 <= max(map(abs, values), default=0.0) < 1e15:
        return None
    return min(3, max(len(number(value).partition(".")[2]) for value in values))


@dataclass(frozen=True)
class _Bars:
    """The bars of one series and where they lie: `offset` and `height` in units of a group."""

    chart: Chart
    names: tuple[str, ...]
    index: int
    offset: float
    height: float
    decimals: int | None

    @property
    def series(self) -> Series:
        return self.chart.series[self.index]

    def colour(self, name: str) -> str:
        """The series' colour; beside a highlighted bar or series all others are grey."""
        chosen = self.chart.highlight
        if not chosen or chosen not in (*self.names, *(s.name for s in self.chart.series)):
            return colour(self.index)
        return colour(0) if chosen in (name, self.series.name) else colour(len(SERIES) - 1)


def _draw(axes: Axes, bars: _Bars) -> None:
    series = bars.series
    bounded = len(series.low) == len(series.high) == len(series.y)
    for i, (x, y) in enumerate(zip(series.x, gaps(series.y), strict=False)):
        name = named(x)
        if name not in bars.names or y != y:
            continue
        place = bars.names.index(name) + bars.offset
        axes.barh(place, y, height=bars.height, color=bars.colour(name), alpha=0.82, linewidth=0)
        low = finite(series.low[i]) if bounded else None
        high = finite(series.high[i]) if bounded else None
        if low is not None and high is not None:
            axes.plot([low, high], [place, place], color=INK, linewidth=1.4)
        axes.annotate(
            number(y, bars.decimals),
            xy=(max(y, high if high is not None else y, 0), place),
            xytext=(5, -_VALUE_SIZE * 0.36),
            textcoords="offset points",
            fontsize=_VALUE_SIZE,
            color=INK if bars.index == 0 else MUTED,
        )
