"""How soon detectors see a change, and how often they see one that is none."""

from __future__ import annotations

from typing import Any

from docs.tables.results import figures_of, lined

ALL = "those that act"
HEAD = (
    "detector", "streams that stay", "their rows", "false alarms", "in 10,000 rows, at most",
    "streams that change", "seen within 1,000 rows", "within 200", "median rows",
)  # fmt: skip


def table() -> str:
    """False alarms and delays of each detector, a table for each set of streams."""
    figures = figures_of("drift")
    return "\n".join(f"`{name}`:\n\n{_lines(figures[name])}\n" for name in sorted(figures))


def row(figures: Any) -> tuple[str, str, str]:
    """Of all streams: false alarms, and how soon a change is seen, beside river's detectors."""
    found = {name: figures[name] for name in ("snippets", "stocknet") if name in figures}
    streams = sum(part[ALL]["stationary"]["streams"] for part in found.values())
    rows = sum(part[ALL]["stationary"]["rows"] for part in found.values())

    def told(name: str) -> str:
        false = sum(part[name]["stationary"]["false alarms"] for part in found.values())
        delays = [part[name]["changes"]["median rows"] for part in found.values()]
        seen = " and ".join("not seen" if each is None else f"{each} rows" for each in delays)
        return f"{false}; {seen}"

    what = f"{' and '.join(f'`{name}`' for name in found)}, `journeyman watch`: false alarms in "
    what += f"{rows:,} rows of {streams} streams in which nothing moves, and median rows until a "
    what += "change of domain or sector is seen"
    return what, told(ALL), f"ADWIN {told('adwin')}; KSWIN {told('kswin')}"


def _lines(found: Any) -> str:
    lines = []
    for name in sorted(found, key=lambda name: (name == "dummy", name != ALL, name)):
        still, change = found[name]["stationary"], found[name]["changes"]
        median = change["median rows"]
        lines.append(
            (
                name if name == ALL else f"`{name}`",
                still["streams"],
                f"{still['rows']:,}",
                still["false alarms"],
                still["upper bound"],
                change["streams"],
                change["seen"],
                change["within 200"],
                "–" if median is None else median,
            )
        )
    return lined(HEAD, lines)
