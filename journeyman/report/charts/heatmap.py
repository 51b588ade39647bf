"""A confusion matrix as a heat map: right answers in one colour, wrong ones in another."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from journeyman.report.charts.drawing import (
    INK,
    MUTED,
    WIDTH,
    canvas,
    colour,
    inline_svg,
    shortened,
    style,
    text_width,
)
from journeyman.report.charts.looks import MOST_CELLS_WITH_NUMBERS
from journeyman.section import Matrix

_DEEPEST = 0.62
_LONGEST_SLANTED = 92.0


def heatmap_svg(matrix: Matrix, ident: str, alt: str) -> str:
    """The matrix with shades by share of the true class (square root, so that few is visible)."""
    counts = np.array(matrix.counts, dtype=np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shades = np.sqrt(np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0))
    with style():
        if len(counts) <= MOST_CELLS_WITH_NUMBERS:
            return _numbered(matrix, shades, ident, alt)
        return _shaded(shades, ident, alt)


def _numbered(matrix: Matrix, shades: np.ndarray, ident: str, alt: str) -> str:
    size = len(shades)
    left = min(120.0, max(text_width(name) for name in matrix.labels)) + 14
    side = min((WIDTH - left - 6) / size, 84.0)
    flat = all(text_width(name) < side - 4 for name in matrix.labels)
    top = 44.0
    if not flat:
        slanted = min(_LONGEST_SLANTED, max(text_width(name) for name in matrix.labels)) * 0.75
        side = min((WIDTH - left - slanted) / (size - 0.5), 84.0)
        top = slanted + 44
    right = WIDTH - left - side * size
    figure, axes = canvas(side * size + top + 4, left, right=right, top=top, bottom=4)
    for row in range(size):
        for column in range(size):
            _cell(axes, matrix, shades, row, column, side)
    axes.set(xlim=(0, size), ylim=(size, 0))
    middles = [i + 0.5 for i in range(size)]
    axes.set_yticks(middles, [shortened(name, 120) for name in matrix.labels])
    axes.set_xticks(middles, [shortened(name, _LONGEST_SLANTED) for name in matrix.labels])
    axes.tick_params(labelcolor=INK, top=False, labeltop=True, labelbottom=False)
    if not flat:
        for text in axes.get_xticklabels():
            text.set(rotation=42, rotation_mode="anchor", horizontalalignment="left")
    axes.spines["bottom"].set_visible(False)
    _axis_words(axes, left, top)
    return inline_svg(figure, ident, alt)


def _cell(
    axes: Axes, matrix: Matrix, shades: np.ndarray, row: int, column: int, side: float
) -> None:
    shade = float(shades[row, column])
    axes.add_patch(
        Rectangle(
            (column + 0.02, row + 0.02),
            0.96,
            0.96,
            facecolor=colour(0 if row == column else 1),
            alpha=0.04 + _DEEPEST * shade,
            linewidth=0,
        )
    )
    count = matrix.counts[row][column]
    share = side >= 46
    middle: dict[str, Any] = {"horizontalalignment": "center", "color": INK}
    axes.annotate(
        f"{count:,}",
        xy=(column + 0.5, row + 0.5),
        xytext=(0, 1 if share else -4),
        textcoords="offset points",
        fontsize=13 if share else min(11.0, side * 0.36),
        **middle,
    )
    if share:
        axes.annotate(
            f"{100 * shade**2:.0f} %",
            xy=(column + 0.5, row + 0.5),
            xytext=(0, -14),
            textcoords="offset points",
            fontsize=10,
            **middle,
        )


def _shaded(shades: np.ndarray, ident: str, alt: str) -> str:
    size = len(shades)
    left, top = 44.0, 44.0
    side = WIDTH - left - 10
    figure, axes = canvas(side + top + 6, left, right=10, top=top, bottom=6)
    image = np.zeros((size, size, 4))
    image[..., :3] = to_rgb(colour(1))
    np.einsum("iij->ij", image)[:, :3] = to_rgb(colour(0))
    image[..., 3] = np.where(shades > 0, 0.2 + 0.8 * shades, 0.0)
    axes.imshow(image, interpolation="nearest", extent=(0.5, size + 0.5, size + 0.5, 0.5))
    step = next(s for s in (5, 10, 20, 50, 100, 200, 500, size) if size / s <= 9)
    ticks = [1, *range(step, size + 1, step)]
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.tick_params(top=False, labeltop=True, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
    _axis_words(axes, left, top)
    return inline_svg(figure, ident, alt)


def _axis_words(axes: Axes, left: float, top: float) -> None:
    axes.annotate(
        "truth ↓   predicted →",
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(4 - left, top - 14),
        textcoords="offset points",
        color=MUTED,
    )
