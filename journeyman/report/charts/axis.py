"""The horizontal axis of charts whose positions are numbers or names."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from journeyman.report.charts.drawing import MUTED, WIDTH, shortened, text_width, tick
from journeyman.report.numbers import finite
from journeyman.section import Chart


@dataclass(frozen=True)
class Axis:
    """Where each x of a chart stands; `names` is empty when the x are numbers."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, chart: Chart) -> Axis:
        """Numbers when every x is a number, else names in order of appearance."""
        every = [x for series in chart.series for x in series.x]
        if all(finite(x) is not None for x in every):
            return cls(())
        return cls(tuple(dict.fromkeys(named(x) for x in every)))

    def place(self, x: float | str) -> float:
        """The position of `x`."""
        return float(self.names.index(named(x))) if self.names else float(x)

    def draw(self, axes: Axes) -> None:
        """Set ticks: the names that fit, or a handful of round numbers."""
        if not self.names:
            axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
            axes.xaxis.set_major_formatter(FuncFormatter(tick))
            return
        room = (WIDTH - 70) / len(self.names)
        widest = min(90.0, max(text_width(name) for name in self.names)) + 8
        stride = max(1, round(widest / room + 0.49))
        shown = range(0, len(self.names), stride)
        axes.set_xticks(list(shown), [shortened(self.names[i], room * stride - 4) for i in shown])
        axes.set_xlim(-0.5, len(self.names) - 0.5)


def named(x: float | str) -> str:
    """`x` as a name: text as it is, a number as it would stand on an axis."""
    return x if isinstance(x, str) else tick(x)


def label(axes: Axes, x_label: str, y_label: str, left: float) -> None:
    """Name both axes in words that need no turning of the head."""
    width = WIDTH - left - 14
    axes.set_xlabel(shortened(x_label, width), labelpad=5)
    if y_label:
        axes.annotate(
            shortened(y_label, WIDTH - 20),
            xy=(0, 1),
            xycoords="axes fraction",
            xytext=(4 - left, 10),
            textcoords="offset points",
            color=MUTED,
        )


def numbers_up(axes: Axes) -> None:
    """A quiet vertical scale of numbers with rules across."""
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(tick))
    axes.grid(axis="y")
