"""What learning in steps forgets: classes that arrive, domains that arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from docs.tables.results import DOMAINS, figures_of, lined


def classes_table() -> str:
    """Accuracy on all classes so far, step by step, of the first seed; and in the end of all."""
    figures = figures_of("continual")
    if not figures:
        return ""
    found, told = figures["found"], figures["summary"]
    whole = max((run["0"]["curve"] for run in found.values() if "0" in run), key=len)
    steps = ["who", *(str(step["classes"]) for step in whole)]
    seen, first = [steps], [steps]
    for name, runs in found.items():
        if "0" not in runs or len(runs["0"]["curve"]) < len(whole):
            continue
        curve = runs["0"]["curve"]
        seen.append([name, *(_share(step["seen"]) for step in curve)])
        first.append([name, *(_share(step["first"]) for step in curve)])
    head = ["who", "seeds", "all classes", "less the reference", "less the same at once"]
    ends = [[*head, "old classes", "less the reference"]]
    for name, line in sorted(told.items(), key=lambda each: -each[1]["all"]["value"]):
        apart = [_points(line, f"all less {who}") for who in ("the reference", "at once")]
        old = [_interval(line["old"]), _points(line, "old less the reference")]
        ends.append([name, str(line["seeds"]), _interval(line["all"]), *apart, *old])
    return (
        "In the end, %, and points less others, with intervals over test rows; old classes: those "
        f"of steps 1 to 9:\n\n"
        f"{_lines(ends)}\n\nAll classes so far, %, by how many there are (first seed):\n\n"
        f"{_lines(seen)}\n\nThe classes of the first step, %:\n\n{_lines(first)}\n"
    )


def domains_table() -> str:
    """Macro-F1 of each domain in the end, and the share of the gap that is closed."""
    figures = figures_of("continual_domains")
    if not figures:
        return ""
    head = ["who", *DOMAINS, "mean", "on validation", "less the frozen head", "of the gap"]
    lines = [head]
    for name, line in sorted(figures["contestants"].items(), key=lambda each: -each[1]["test"]):
        last = line["curve"][-1]
        gap = line.get("share of the gap")
        lines.append(
            [
                name,
                *(f"{last[domain]:.3f}" for domain in DOMAINS),
                f"{line['test']:.3f}",
                f"{line['validation']:.3f}",
                _points(line, "less the frozen head"),
                "" if gap is None else f"{100 * gap:.0f} %",
            ]
        )
    rows = {part: sum(by.values()) for part, by in figures["rows"].items()}
    asked = figures["asked"]
    right = 100 * figures.get("router is right", {}).get("test", 0.0)
    return (
        f"{rows['train']:,} rows to learn from, {rows['validation']:,} to choose by, "
        f"{rows['test']:,} to test on; cut {asked['cut']}, a reservoir of {asked['reservoir']:,}; "
        f"the router names the right domain of {right:.1f} % of the test rows; the largest "
        "difference between the outputs of the frozen head step by step and at once is "
        f"{figures['largest difference from at once']:g}.\n\n{_lines(lines)}\n"
    )


def _points(line: Mapping[str, Any], name: str) -> str:
    apart = line.get(name)
    if apart is None or apart["low"] is None:
        return ""
    value, low, high = (100 * apart[part] for part in ("value", "low", "high"))
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def _interval(metric: Mapping[str, float]) -> str:
    return f"{_share(metric['value'])} ({_share(metric['low'])} to {_share(metric['high'])})"


def _share(value: float) -> str:
    return f"{100 * value:.1f}"


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return lined(rows[0], rows[1:])
