"""What charts look like that their legends must know of, without anything that draws."""

from __future__ import annotations

SERIES = ("#0f6b82", "#c2601a", "#6a55a0", "#3f8048", "#a83f68", "#76808d")
DASHES = ("solid", "dashed", "dotted", "dashdot")
MOST_BARS = 160
MOST_CELLS_WITH_NUMBERS = 12
"""Classes up to which each cell carries its count; beyond, the map is an image of shades."""
