"""The ground every chart is drawn on: colours, type, and the way from a figure to inline SVG.

Matplotlib draws in the light palette. The SVG then refers to the page's colour variables instead
of the colours themselves, so a chart follows the page into the dark, and its text stays text in
the page's own font, so that any script the reader's machine can show is shown.
"""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from journeyman.report.charts.looks import SERIES
from journeyman.report.numbers import finite, number

WIDTH = 400.0
"""Width of a chart in points: its text stays readable when a phone shrinks it."""
TYPE = 12.5
_IMAGE_DPI = 180
INK, MUTED, RULE = "#1b2431", "#566070", "#dfe3e8"
MARKERS = ("o", "s", "^", "D", "v", "P")
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    **{colour: f"var(--c{index})" for index, colour in enumerate(SERIES, start=1)},
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "journeyman",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": TYPE,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}
_XLINK = "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font: ?(?:(?:\w+) )?([\d.]+)px [^;]*|font-family:[^;]*")


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings for the report, and quiet about glyphs the page's font will draw."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def canvas(
    height: float, left: float, right: float = 14, top: float = 24, bottom: float = 37
) -> tuple[Figure, Axes]:
    """A figure `WIDTH` by `height` points with axes inside the given margins, in points."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
    FigureCanvasSVG(figure)
    box = (
        left / WIDTH,
        bottom / height,
        (WIDTH - left - right) / WIDTH,
        (height - top - bottom) / height,
    )
    return figure, figure.add_axes(box)


def colour(index: int) -> str:
    """The colour of a series."""
    return SERIES[index % len(SERIES)]


def text_width(text: str, size: float = TYPE) -> float:
    """Width of `text` in points, generously; East Asian characters are a full square."""
    return size * sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.56 for c in text)


def shortened(text: str, width: float, size: float = TYPE) -> str:
    """`text` on one line, cut with an ellipsis where it is wider than `width` points."""
    line = " ".join(text.split())
    if text_width(line, size) <= width:
        return line
    while line and text_width(line + "…", size) > width:
        line = line[:-1]
    return line.rstrip() + "…"


def gaps(values: Sequence[float | str | None]) -> list[float]:
    """Numbers for matplotlib, NaN (which draws nothing) where there is none."""
    return [float("nan") if (value := finite(v)) is None else value for v in values]


def tick(value: float, position: object = None) -> str:
    """A number on an axis."""
    return number(float(f"{value:.6g}"))


def inline_svg(figure: Figure, ident: str, label: str) -> str:
    """The figure as SVG for the inside of an HTML page, announced to screen readers as `label`.

    Ids are made unique by `ident`; namespaces, metadata, styles that would leak into the page and
    the reference to a font are removed.
    """
    buffer = io.BytesIO()
    blank = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", dpi=_IMAGE_DPI, metadata=blank)
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("metadata", "}style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = _attributes(element, ident)
    viewbox = root.attrib["viewBox"]
    root.attrib = {"viewBox": viewbox, "role": "img", "aria-label": label, "class": "chart"}
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _attributes(element: ElementTree.Element, ident: str) -> dict[str, str]:
    attributes = {}
    for name, value in element.attrib.items():
        if name == "id":
            if element.tag == "g":
                continue
            value = f"{ident}-{value}"
        elif name == _XLINK:
            name = "href"
            value = f"#{ident}-{value[1:]}" if value.startswith("#") else value
        elif name == "style":
            value = _themed(value)
        attributes[name] = value.replace("url(#", f"url(#{ident}-")
    return attributes


def _themed(declarations: str) -> str:
    for shade, variable in _VARIABLES.items():
        declarations = declarations.replace(shade, variable)
    return _FONT.sub(lambda m: f"font-size: {m[1]}px" if m[1] else "", declarations)
