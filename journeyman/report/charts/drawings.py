"""Drawings of charts; what a page before shows of the same numbers is taken over from it.

To draw takes most of the time of writing a page, and of that much goes into loading what draws.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from importlib.metadata import version

from journeyman.section import Chart, Matrix

_MARKED = re.compile(r'<svg data-drawn="([0-9a-f]{32})".*?</svg>', re.DOTALL)


class Drawings:
    """Draws charts as SVG, each marked by a hash of all that it is drawn of."""

    def __init__(self, page: str = "") -> None:
        self.known = {found[1]: found[0] for found in _MARKED.finditer(page)}

    def svg(self, chart: Chart | Matrix, ident: str, label: str) -> str:
        """The chart for the inside of a page, its ids made unique by `ident`, read as `label`."""
        mark = _mark(chart, ident, label)
        if mark not in self.known:
            drawn = _drawn(chart, ident, label)
            self.known[mark] = drawn.replace("<svg ", f'<svg data-drawn="{mark}" ', 1)
        return self.known[mark]


def _mark(chart: Chart | Matrix, ident: str, label: str) -> str:
    by = [version(name) for name in ("journeyman", "matplotlib")]
    parts = (*by, type(chart).__name__, ident, label, chart.model_dump_json())
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _drawn(chart: Chart | Matrix, ident: str, label: str) -> str:
    if isinstance(chart, Matrix):
        from journeyman.report.charts.heatmap import heatmap_svg

        return heatmap_svg(chart, ident, label)
    from journeyman.report.charts.bar import bar_svg
    from journeyman.report.charts.line import line_svg
    from journeyman.report.charts.scatter import scatter_svg

    draw = {"line": line_svg, "bar": bar_svg, "scatter": scatter_svg}
    return draw[chart.kind](chart, ident, label)
