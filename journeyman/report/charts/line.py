"""Lines, with their intervals as bands."""

from __future__ import annotations

from journeyman.report.charts.axis import Axis, label, numbers_up
from journeyman.report.charts.drawing import (
    MARKERS,
    MUTED,
    canvas,
    colour,
    gaps,
    inline_svg,
    style,
)
from journeyman.report.charts.looks import DASHES
from journeyman.section import Chart

_LEFT = 52.0
_MARKED_POINTS = 14


def line_svg(chart: Chart, ident: str, alt: str) -> str:
    """A line chart; a diagonal, where asked for, is what perfect agreement would be."""
    axis = Axis.of(chart)
    with style():
        figure, axes = canvas(250, _LEFT)
        for index, series in enumerate(chart.series):
            points = [(axis.place(x), i) for i, x in enumerate(series.x[: len(series.y)])]
            if not axis.names:
                points.sort()
            places, order = [x for x, _ in points], [i for _, i in points]
            if len(series.low) == len(series.high) == len(series.y):
                low, high = gaps(series.low), gaps(series.high)
                axes.fill_between(
                    places,
                    [low[i] for i in order],
                    [high[i] for i in order],
                    color=colour(index),
                    alpha=0.16,
                    linewidth=0,
                )
            values = gaps(series.y)
            axes.plot(
                places,
                [values[i] for i in order],
                color=colour(index),
                linewidth=2,
                linestyle=DASHES[index % len(DASHES)],
                marker=MARKERS[index % len(MARKERS)] if len(points) <= _MARKED_POINTS else "",
                markersize=4.5,
            )
        if chart.diagonal:
            axes.axline((0, 0), slope=1, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        axis.draw(axes)
        numbers_up(axes)
        label(axes, chart.x_label, chart.y_label, _LEFT)
        return inline_svg(figure, ident, alt)
