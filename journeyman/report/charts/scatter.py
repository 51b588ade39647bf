"""Clouds of points, with the diagonal they would lie on."""

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
from journeyman.section import Chart

_LEFT = 52.0
_DRAWN_AS_SHAPES = 500
"""More points than this become one small image: a shape each would fill the page's budget."""


def scatter_svg(chart: Chart, ident: str, alt: str) -> str:
    """A scatter chart; with a diagonal both axes have the same range."""
    axis = Axis.of(chart)
    with style():
        figure, axes = canvas(340 if chart.diagonal else 260, _LEFT)
        every: list[float] = []
        for index, series in enumerate(chart.series):
            places = [axis.place(x) for x in series.x[: len(series.y)]]
            values = gaps(series.y[: len(places)])
            every += [v for pair in zip(places, values, strict=True) for v in pair if v == v]
            many = len(places) > _DRAWN_AS_SHAPES
            axes.scatter(
                places,
                values,
                s=9 if many else 20,
                color=colour(index),
                marker=MARKERS[index % len(MARKERS)],
                alpha=0.35 if many else 0.65,
                linewidths=0,
                rasterized=many,
            )
        axis.draw(axes)
        numbers_up(axes)
        if chart.diagonal and every and not axis.names:
            low, high = min(every), max(every)
            margin = (high - low) * 0.04 or 0.5
            axes.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
            axes.axline((low, low), slope=1, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        label(axes, chart.x_label, chart.y_label, _LEFT)
        return inline_svg(figure, ident, alt)
